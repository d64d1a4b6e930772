// The metadata of GGUF: typed values, held as the bytes that a file has for them.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <pare/tensor/error.hpp>

namespace pare {

// Numbered as in files.
enum class gguf_value_type : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

namespace detail {

// Bytes of a number or bool, 0 for what has no size of its own.
constexpr std::size_t gguf_value_size(gguf_value_type type) {
  switch (type) {
    case gguf_value_type::u8:
    case gguf_value_type::i8:
    case gguf_value_type::boolean: return 1;
    case gguf_value_type::u16:
    case gguf_value_type::i16: return 2;
    case gguf_value_type::u32:
    case gguf_value_type::i32:
    case gguf_value_type::f32: return 4;
    case gguf_value_type::u64:
    case gguf_value_type::i64:
    case gguf_value_type::f64: return 8;
    default: return 0;
  }
}

// Takes what a file has in order. Throws format_error where it ends.
class gguf_cursor {
 public:
  gguf_cursor(std::span<const std::byte> bytes, std::string_view what) : bytes_(bytes), what_(what) {}

  std::size_t position() const noexcept { return at_; }
  std::size_t left() const noexcept { return bytes_.size() - at_; }

  std::span<const std::byte> take(std::uint64_t count) {
    require<format_error>(count <= left(), what_, " ends at byte ", bytes_.size(), ", ", count,
                          " bytes are to follow byte ", at_);
    at_ += static_cast<std::size_t>(count);
    return bytes_.subspan(at_ - static_cast<std::size_t>(count), static_cast<std::size_t>(count));
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view text() {
    const auto bytes = take(number<std::uint64_t>());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  // Goes over a value, checking it.
  void skip(gguf_value_type type, int depth = 0) {
    constexpr int deepest = 8;
    require<format_error>(static_cast<std::uint32_t>(type) <= 12, what_, ": unknown type of value ",
                          static_cast<std::uint32_t>(type), " before byte ", at_);
    require<format_error>(depth <= deepest, what_, ": arrays nest deeper than ", deepest);
    if (type == gguf_value_type::string) {
      text();
    } else if (type == gguf_value_type::array) {
      const auto of = number<gguf_value_type>();
      const auto count = number<std::uint64_t>();
      skip_elements(of, count, depth + 1);
    } else {
      skip_elements(type, 1, depth);
    }
  }

 private:
  void skip_elements(gguf_value_type type, std::uint64_t count, int depth) {
    const std::size_t size = gguf_value_size(type);
    if (size == 0) {
      for (; count > 0; --count) skip(type, depth);
      return;
    }
    require<format_error>(count <= left() / size, what_, " ends at byte ", bytes_.size(), ", ", count, " elements of ",
                          size, " bytes are to follow byte ", at_);
    const auto elements = take(count * size);
    if (type != gguf_value_type::boolean) return;
    for (const std::byte each : elements)
      require<format_error>(std::to_integer<int>(each) <= 1, what_, ": a bool is ", std::to_integer<int>(each),
                            ", must be 0 or 1");
  }

  std::span<const std::byte> bytes_;
  std::string_view what_;
  std::size_t at_ = 0;
};

}  // namespace detail

// A number, bool, string, or array of them.
class gguf_value {
 public:
  template <class T>
  requires std::integral<T> || std::floating_point<T> gguf_value(T number) : type_(type_of<T>()) { append(number); }
  gguf_value(std::string_view text) : type_(gguf_value_type::string) { append(text); }
  gguf_value(const std::string& text) : gguf_value(std::string_view(text)) {}
  gguf_value(const char* text) : gguf_value(std::string_view(text)) {}

  // An array of numbers, bools or strings.
  template <class T>
  explicit gguf_value(const std::vector<T>& elements) : type_(gguf_value_type::array) {
    append(static_cast<std::uint32_t>(type_of<T>()));
    append(std::uint64_t{elements.size()});
    for (const auto& each : elements)
      if constexpr (std::is_convertible_v<T, std::string_view>)
        append(std::string_view(each));
      else
        append(static_cast<T>(each));
  }

  gguf_value_type type() const noexcept { return type_; }

  // A number or bool. Throws value_error for anything else, and for what T cannot hold.
  template <class T>
  T number() const {
    detail::require<value_error>(detail::gguf_value_size(type_) > 0, "the value is of type ",
                                 static_cast<std::uint32_t>(type_), ", must be a number");
    switch (type_) {
      case gguf_value_type::u8: return as<T, std::uint8_t>();
      case gguf_value_type::i8: return as<T, std::int8_t>();
      case gguf_value_type::u16: return as<T, std::uint16_t>();
      case gguf_value_type::i16: return as<T, std::int16_t>();
      case gguf_value_type::u32: return as<T, std::uint32_t>();
      case gguf_value_type::i32: return as<T, std::int32_t>();
      case gguf_value_type::f32: return as<T, float>();
      case gguf_value_type::u64: return as<T, std::uint64_t>();
      case gguf_value_type::i64: return as<T, std::int64_t>();
      case gguf_value_type::f64: return as<T, double>();
      default: return static_cast<T>(bytes_[0] != 0);
    }
  }

  // A string. Throws value_error for anything else.
  std::string_view text() const {
    detail::require<value_error>(type_ == gguf_value_type::string, "the value is of type ",
                                 static_cast<std::uint32_t>(type_), ", must be a string");
    return std::string_view(bytes_).substr(sizeof(std::uint64_t));
  }

  // How many elements an array has, and their type. Throw value_error for anything else.
  std::uint64_t size() const {
    require_array();
    return read<std::uint64_t>(sizeof(std::uint32_t));
  }
  gguf_value_type element_type() const {
    require_array();
    return read<gguf_value_type>(0);
  }
  // The elements one by one. O(size) each.
  std::vector<gguf_value> elements() const {
    detail::gguf_cursor cursor(bytes(), "an array");
    const gguf_value_type of = element_type();
    std::uint64_t count = size();
    cursor.take(sizeof(std::uint32_t) + sizeof(std::uint64_t));
    std::vector<gguf_value> all;
    for (; count > 0; --count) all.push_back(taken(cursor, of));
    return all;
  }

  // As a file has it, behind its type.
  std::span<const std::byte> bytes() const noexcept { return std::as_bytes(std::span(bytes_)); }

  bool operator==(const gguf_value&) const = default;

  // Takes a value of that type.
  static gguf_value taken(detail::gguf_cursor& cursor, gguf_value_type type) {
    gguf_value value;
    value.type_ = type;
    detail::gguf_cursor end = cursor;
    end.skip(type);
    const auto bytes = cursor.take(end.position() - cursor.position());
    value.bytes_.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return value;
  }

 private:
  gguf_value() = default;

  template <class T>
  static constexpr gguf_value_type type_of() {
    if constexpr (std::is_same_v<T, bool>) {
      return gguf_value_type::boolean;
    } else if constexpr (std::floating_point<T>) {
      static_assert(sizeof(T) <= 8, "GGUF has floats of 32 and 64 bits");
      return sizeof(T) == 4 ? gguf_value_type::f32 : gguf_value_type::f64;
    } else if constexpr (std::is_convertible_v<T, std::string_view>) {
      return gguf_value_type::string;
    } else {
      constexpr std::array<gguf_value_type, 4> of_unsigned = {gguf_value_type::u8, gguf_value_type::u16,
                                                              gguf_value_type::u32, gguf_value_type::u64};
      constexpr std::array<gguf_value_type, 4> of_signed = {gguf_value_type::i8, gguf_value_type::i16,
                                                            gguf_value_type::i32, gguf_value_type::i64};
      return (std::is_signed_v<T> ? of_signed : of_unsigned)[std::bit_width(sizeof(T)) - 1];
    }
  }

  template <class T>
  void append(T number) {
    char bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);
    bytes_.append(bytes, sizeof number);
  }
  void append(std::string_view text) {
    append(std::uint64_t{text.size()});
    bytes_.append(text);
  }
  template <class T>
  T read(std::size_t at) const {
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }
  template <class T, class Stored>
  T as() const {
    const auto stored = read<Stored>(0);
    const auto number = static_cast<long double>(stored);
    const bool fits = std::floating_point<T> || (number >= static_cast<long double>(std::numeric_limits<T>::lowest()) &&
                                                 number <= static_cast<long double>(std::numeric_limits<T>::max()));
    detail::require<value_error>(fits, "the value is ", stored, ", beyond the type that was asked for");
    return static_cast<T>(stored);
  }
  void require_array() const {
    detail::require<value_error>(type_ == gguf_value_type::array, "the value is of type ",
                                 static_cast<std::uint32_t>(type_), ", must be an array");
  }

  gguf_value_type type_ = gguf_value_type::u8;
  std::string bytes_;
};

}  // namespace pare

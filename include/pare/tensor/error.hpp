// What a caller or a file can get wrong, as exceptions whose message names the value, the limit and the place.
#pragma once

#include <concepts>
#include <cstdio>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pare {

// Base of everything the library throws on purpose.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Extents that do not fit together.
class shape_error : public error {
 public:
  using error::error;
};

// A number outside its range: an option, a weight that is not finite, a label.
class value_error : public error {
 public:
  using error::error;
};

// Bytes that are not what their format promises.
class format_error : public error {
 public:
  using error::error;
};

// The operating system said no.
class io_error : public error {
 public:
  using error::error;
};

namespace detail {

// A part of a message: a string or a number, whose type is forgotten so that messages cost little to compile. It refers
// to the string, or the letter, that it was made of.
class message_piece {
 public:
  constexpr message_piece(std::string_view text) : kind_(kind::text), text_(text) {}
  constexpr message_piece(const char* text) : message_piece(std::string_view(text)) {}
  constexpr message_piece(const char& letter) : message_piece(std::string_view(&letter, 1)) {}
  message_piece(const std::string& text) : message_piece(std::string_view(text)) {}
  constexpr message_piece(std::signed_integral auto number) : kind_(kind::integer), integer_(number) {}
  constexpr message_piece(std::unsigned_integral auto number) : kind_(kind::natural), natural_(number) {}
  constexpr message_piece(std::floating_point auto number) : kind_(kind::real), real_(static_cast<double>(number)) {}

  void append_to(std::string& out) const {
    char digits[40];
    switch (kind_) {
      case kind::text: out += text_; return;
      case kind::integer: std::snprintf(digits, sizeof digits, "%lld", integer_); break;
      case kind::natural: std::snprintf(digits, sizeof digits, "%llu", natural_); break;
      case kind::real: std::snprintf(digits, sizeof digits, "%.9g", real_); break;
    }
    out += digits;
  }

 private:
  enum class kind { text, integer, natural, real } kind_;
  union {
    std::string_view text_;
    long long integer_;
    unsigned long long natural_;
    double real_;
  };
};

inline std::string join(std::initializer_list<message_piece> pieces) {
  std::string out;
  for (const message_piece& piece : pieces) piece.append_to(out);
  return out;
}

// Joins strings and numbers into one message.
template <class... Pieces>
std::string text(const Pieces&... pieces) {
  return join({message_piece(pieces)...});
}

template <class Error>
[[noreturn, gnu::cold, gnu::noinline]] void fail(std::initializer_list<message_piece> pieces) {
  throw Error(join(pieces));
}

// Throws Error with the joined pieces unless `condition` holds. The message is built only on failure.
template <class Error, class... Pieces>
constexpr void require(bool condition, const Pieces&... pieces) {
  if (!condition) fail<Error>({message_piece(pieces)...});
}

}  // namespace detail
}  // namespace pare

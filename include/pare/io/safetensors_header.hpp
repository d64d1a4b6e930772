// The header of a safetensors file: JSON that says where each tensor lies, read event by event, so that no document is
// built and nothing nests deeper than the format does.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <pare/io/byte_ranges.hpp>
#include <pare/tensor/view.hpp>

namespace pare {

// One tensor: row-major, little-endian, its bytes where they lie in the file, aligned to nothing.
struct safetensor {
  std::string dtype;  // "F32", "BF16", "I64", ...
  std::vector<index_t> shape;
  std::span<const std::byte> bytes;
};

namespace detail {

struct safetensors_type {
  std::string_view name;
  std::uint64_t bits;  // of an element
};

// In the order of the format's own list, by which files are sorted.
inline constexpr std::array<safetensors_type, 22> safetensors_types = {{
    {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
    {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
    {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64},
}};

// Null for a type that the format does not know.
constexpr const safetensors_type* find_safetensors_type(std::string_view dtype) {
  for (const safetensors_type& type : safetensors_types)
    if (type.name == dtype) return &type;
  return nullptr;
}

// What the header says about a tensor.
struct safetensors_entry {
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::vector<std::uint64_t> offsets;
};

// Receives the events of nlohmann's parser and accepts exactly
//   {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"key": "value"}, ...}
// in any order. Throws format_error at the first event that does not belong there.
class safetensors_events {
 public:
  const std::map<std::string, safetensors_entry>& entries() const { return entries_; }
  std::map<std::string, std::string>& metadata() { return metadata_; }

  bool start_object(std::size_t) {
    require<format_error>(place_ == place::start || place_ == place::value, where(), "an object is not expected here");
    if (place_ == place::start)
      place_ = place::file;
    else
      place_ = name_ == "__metadata__" ? place::metadata : place::tensor;
    fields_.clear();
    return true;
  }
  bool end_object() {
    if (place_ == place::tensor) {
      require<format_error>(fields_.size() == 3, where(), "must have dtype, shape and data_offsets");
      const std::vector<std::uint64_t>& offsets = entries_[name_].offsets;
      if (offsets.size() == 2) ranges_.add(offsets[0], offsets[1]);
    }
    place_ = place_ == place::file ? place::end : place::file;
    return true;
  }
  bool key(std::string& key) {
    if (place_ == place::file) {
      name_ = std::move(key);
      require<format_error>(names_.insert(name_).second, where(), "the name is there twice");
      place_ = place::value;
      return true;
    }
    require<format_error>(fields_.insert(key).second, where(), "the key ", key, " is there twice");
    if (place_ == place::tensor)
      require<format_error>(key == "dtype" || key == "shape" || key == "data_offsets", where(), "unknown key ", key);
    field_ = std::move(key);
    return true;
  }
  bool string(std::string& value) {
    if (place_ == place::metadata) {
      metadata_[field_] = std::move(value);
      return true;
    }
    require<format_error>(place_ == place::tensor && field_ == "dtype", where(), "a string is not expected here");
    entries_[name_].dtype = std::move(value);
    return true;
  }
  bool start_array(std::size_t) {
    require<format_error>(place_ == place::tensor && field_ != "dtype", where(), "an array is not expected here");
    place_ = place::array;
    return true;
  }
  bool end_array() {
    place_ = place::tensor;
    return true;
  }
  bool number_unsigned(std::uint64_t value) {
    require<format_error>(place_ == place::array, where(), "a number is not expected here");
    safetensors_entry& entry = entries_[name_];
    (field_ == "shape" ? entry.shape : entry.offsets).push_back(value);
    return true;
  }
  bool number_integer(std::int64_t value) { return refuse(text(value)); }
  bool number_float(double, const std::string& digits) { return refuse(digits.substr(0, 30)); }
  bool boolean(bool value) { return refuse(value ? "true" : "false"); }
  bool null() { return refuse("null"); }
  bool binary(std::vector<std::uint8_t>&) { return refuse("binary"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& reason) {
    throw format_error(
        text("the header is not JSON at byte ", position, ": ", std::string(reason.what()).substr(0, 200)));
  }

 private:
  enum class place { start, file, value, tensor, array, metadata, end };

  std::string where() const { return text("header", name_.empty() ? "" : ", ", name_.substr(0, 100), ": "); }
  bool refuse(const std::string& value) const { throw format_error(text(where(), value, " is not expected here")); }

  place place_ = place::start;
  std::string name_;
  std::string field_;
  std::set<std::string> names_;
  std::set<std::string> fields_;  // of the object being read
  std::map<std::string, safetensors_entry> entries_;
  std::map<std::string, std::string> metadata_;
  byte_ranges ranges_;
};

// The length of the header, from a file's first 8 bytes.
inline constexpr std::uint64_t most_safetensors_header = 100'000'000;

inline std::uint64_t safetensors_header_length(std::span<const std::byte> file) {
  std::uint64_t length = 0;
  require<format_error>(file.size() > sizeof length, "has ", file.size(), " bytes, too few for a header");
  std::memcpy(&length, file.data(), sizeof length);
  const std::uint64_t limit = std::min<std::uint64_t>(most_safetensors_header, file.size() - sizeof length);
  require<format_error>(length >= 2 && length <= limit, "the header has ", length, " bytes, must be 2 to ", limit);
  require<format_error>(file[8] == std::byte{'{'}, "the header begins with byte ", static_cast<int>(file[8]),
                        ", must be {");
  return length;
}

// Checks one entry by itself: type, shape, and that it has as many bytes as these ask for.
inline safetensor place_tensor(const std::string& name, const safetensors_entry& entry,
                               std::span<const std::byte> data) {
  const auto check = [&](bool condition, const auto&... pieces) {
    require<format_error>(condition, name.substr(0, 100), ": ", pieces...);
  };
  const safetensors_type* const type = find_safetensors_type(entry.dtype);
  check(type != nullptr, "unknown dtype ", entry.dtype.substr(0, 30));
  const std::uint64_t bits = type->bits;
  constexpr std::uint64_t most = std::numeric_limits<index_t>::max() / 64;
  std::uint64_t count = 1;
  safetensor tensor{entry.dtype, {}, {}};
  for (const std::uint64_t extent : entry.shape) {
    check(extent <= most && (extent == 0 || count <= most / extent), "the product of the shape is beyond ", most);
    count *= extent;
    tensor.shape.push_back(static_cast<index_t>(extent));
  }
  check(entry.offsets.size() == 2, "data_offsets has ", entry.offsets.size(), " elements, must have 2");
  const std::uint64_t begin = entry.offsets[0], end = entry.offsets[1];
  check(begin <= end && end <= data.size(), "data_offsets are ", begin, " to ", end, ", the data has ", data.size(),
        " bytes");
  check(count * bits % 8 == 0 && end - begin == count * bits / 8, "has ", end - begin, " bytes, its shape asks for ",
        count, " elements of ", bits, " bits");
  tensor.bytes = data.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  return tensor;
}

// Every byte of the data belongs to exactly one tensor.
inline void require_no_gaps(const std::map<std::string, safetensors_entry>& entries, std::uint64_t data_size) {
  std::vector<const std::vector<std::uint64_t>*> ranges;
  for (const auto& [name, entry] : entries) ranges.push_back(&entry.offsets);
  std::sort(ranges.begin(), ranges.end(), [](const auto* a, const auto* b) { return *a < *b; });
  std::uint64_t end = 0;
  for (const auto* range : ranges) {
    require<format_error>((*range)[0] == end, "a tensor begins at ", (*range)[0], ", the one before it ends at ", end);
    end = (*range)[1];
  }
  require<format_error>(end == data_size, "the tensors end at ", end, ", the data has ", data_size, " bytes");
}

// The parser holds a string several times over.
inline void require_short_strings(std::string_view json) {
  constexpr std::size_t longest = std::size_t{16} << 20;
  for (std::size_t at = 0, quote; at < json.size(); at = quote + 1) {
    quote = std::min(json.find('"', at), json.size());
    require<format_error>(quote - at <= longest, "the header has no quote for ", quote - at, " bytes, must be at most ",
                          longest);
  }
}

struct safetensors_content {
  std::map<std::string, safetensor> tensors;
  std::map<std::string, std::string> metadata;
};

// What is in the bytes of a file. Throws format_error unless every rule of the format holds.
inline safetensors_content read_safetensors(std::span<const std::byte> file) {
  const auto length = static_cast<std::size_t>(safetensors_header_length(file));
  const std::string_view header(reinterpret_cast<const char*>(file.data()) + 8, length);
  require_short_strings(header);
  safetensors_events events;
  nlohmann::json::sax_parse(header.begin(), header.end(), &events);
  const auto data = file.subspan(8 + length);
  safetensors_content content;
  for (const auto& [name, entry] : events.entries()) content.tensors.emplace(name, place_tensor(name, entry, data));
  require_no_gaps(events.entries(), data.size());
  content.metadata = std::move(events.metadata());
  return content;
}

}  // namespace detail
}  // namespace pare

// The header of NumPy's NPY files (numpy.lib.format, versions 1 to 3).
// Of our own, because the reader of xtensor 0.24 trusts the file: it multiplies the extents without a look at overflow,
// allocates what they promise, and gives memory as it happens to be where data is missing.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pare/tensor/error.hpp>
#include <pare/tensor/view.hpp>

namespace pare::detail {

struct npy_header {
  std::string_view type;  // "f4": kind and bytes of an element, in the memory of the file
  bool big_endian = false;
  bool fortran_order = false;  // the first axis is contiguous, not the last
  std::vector<index_t> shape;  // empty: one number
};

// Reads what a header holds of Python: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class npy_dictionary {
 public:
  npy_dictionary(std::string_view text, const std::string& file) : rest_(text), file_(file) {}

  npy_header read() {
    npy_header header;
    bool type = false, order = false, shape = false;  // each key once
    expect('{');
    while (!take('}')) {
      const std::string_view key = string();
      expect(':');
      if (key == "descr" && !std::exchange(type, true))
        read_type(header);
      else if (key == "fortran_order" && !std::exchange(order, true))
        header.fortran_order = boolean();
      else if (key == "shape" && !std::exchange(shape, true))
        header.shape = extents();
      else
        fail("one of the keys descr, fortran_order and shape, once");
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    if (!type || !order || !shape) fail("each of the keys descr, fortran_order and shape");
    return header;
  }

 private:
  [[noreturn]] void fail(std::string_view wanted) const {
    throw format_error(text(file_, ": the header must have ", wanted, " before \"", rest_.substr(0, 40), '"'));
  }

  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n\t"), rest_.size())); }

  bool take(std::string_view token) {
    skip_blanks();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  bool take(char c) { return take(std::string_view(&c, 1)); }
  void expect(char c) {
    if (!take(c)) fail(std::string_view(&c, 1));
  }

  std::string_view string() {
    for (const char quote : {'\'', '"'}) {
      if (!take(quote)) continue;
      const std::size_t end = rest_.find(quote);
      if (end == rest_.npos) break;
      const std::string_view result = rest_.substr(0, end);
      rest_.remove_prefix(end + 1);
      return result;
    }
    fail("a string");
  }

  bool boolean() {
    if (take("True")) return true;
    if (!take("False")) fail("True or False");
    return false;
  }

  std::vector<index_t> extents() {
    constexpr std::size_t most = 64;  // NumPy 2 has no more
    std::vector<index_t> result;
    expect('(');
    while (!take(')')) {
      skip_blanks();
      index_t extent = 0;
      const auto [stop, code] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      if (code != std::errc() || extent < 0 || result.size() == most) fail("at most 64 extents of at least 0");
      rest_.remove_prefix(static_cast<std::size_t>(stop - rest_.data()));
      result.push_back(extent);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return result;
  }

  void read_type(npy_header& header) {
    if (take('[')) fail("one type of elements, not a structure,");
    std::string_view type = string();
    header.big_endian = type.starts_with('>');
    if (type.find_first_of("<>|=") == 0) type.remove_prefix(1);
    constexpr std::string_view known[] = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"};
    require<format_error>(std::find(std::begin(known), std::end(known), type) != std::end(known), file_,
                          ": the elements are ", type.substr(0, 40), ", must be b1, i1 to i8, u1 to u8 or f2 to f8");
    header.type = type;
  }

  std::string_view rest_;
  const std::string& file_;
};

struct npy_content : npy_header {
  std::span<const std::byte> data;  // as many as shape and type promise

  std::size_t element_size() const { return static_cast<std::size_t>(type[1] - '0'); }
  index_t count() const { return static_cast<index_t>(data.size() / element_size()); }
};

// How many bytes a header promises.
inline std::uint64_t npy_size(const npy_content& content, const std::string& file) {
  constexpr index_t limit = index_t{1} << 60;
  index_t product = 1;
  bool empty = false;
  for (const index_t extent : content.shape) {
    empty = empty || extent == 0;
    if (extent == 0) continue;
    require<format_error>(product <= limit / extent, file, ": the product of the extents is beyond ", limit);
    product *= extent;
  }
  return empty ? 0 : static_cast<std::uint64_t>(product) * content.element_size();
}

// The header and the data of a whole file. Throws format_error unless the file is what the header promises.
inline npy_content parse_npy(std::span<const std::byte> bytes, const std::string& file) {
  constexpr std::string_view magic = "\x93NUMPY";
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  require<format_error>(all.starts_with(magic), file, ": does not begin as an NPY file does");
  require<format_error>(all.size() >= 12, file, ": the file ends in the header");
  const int version = std::to_integer<int>(bytes[6]);
  require<format_error>(version >= 1 && version <= 3, file, ": version ", version, ", must be 1 to 3");
  const std::size_t digits = version == 1 ? 2 : 4;  // of the header's length, little-endian
  std::size_t length = 0;
  for (std::size_t i = digits; i-- > 0;) length = length << 8 | std::to_integer<std::size_t>(bytes[8 + i]);
  const std::size_t begin = 8 + digits;
  require<format_error>(length <= bytes.size() - begin, file, ": the header has ", length, " bytes, the file ",
                        bytes.size() - begin, " behind its length");
  npy_content content{npy_dictionary(all.substr(begin, length), file).read(), bytes.subspan(begin + length)};
  const std::uint64_t promised = npy_size(content, file);
  require<format_error>(content.data.size() == promised, file, ": the header promises ", promised,
                        " bytes, the file holds ", content.data.size());
  return content;
}

}  // namespace pare::detail

// NumPy's NPY files: arrays as matrices, and data sets in two of them. Opt-in, but needs nothing beyond the library.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <pare/io/atomic_file.hpp>
#include <pare/io/mapped_file.hpp>
#include <pare/io/npy_header.hpp>
#include <pare/train/dataset.hpp>

namespace pare {

struct npy_array {
  std::vector<index_t> shape;
  // Axis 0 x the rest, row-major; a vector is a column, one number is 1 x 1.
  row_major_matrix values;
};

// Numbers of any integer type, float16, float32, float64 or bool (0 and 1), of either byte order, in C or Fortran
// order, rounded to float. Throws io_error for a file that cannot be read; format_error for one that is not a whole
// NPY file, or has elements of another type; value_error for a number that is not finite in float.
npy_array read_npy(const std::string& file);

// A data set named after the first file, [samples, ...], whose values are taken as they are: images of bytes go from 0
// to 255. The second holds labels, [samples] of integers, with classes counted up to the largest; or targets, [samples]
// or [samples, outputs] of floats. Throws what read_npy throws, shape_error for other shapes or unless both have as
// many samples, and value_error for a label outside [0, 2^31 - 2].
dataset load_npy(const std::string& inputs, const std::string& outputs);

// Writes a tensor in C order: 64-bit floats as they are, others in 32 bits. The file appears whole or not at all.
// Throws io_error.
template <tensor_like X>
void save_npy(const X& x, const std::string& file);

// Writes whole numbers [size], such as labels, in 32 bits.
void save_npy(const std::vector<int>& numbers, const std::string& file);

// Writes a data set as load_npy reads it. Throws what validate(data) throws.
void save_npy(const dataset& data, const std::string& inputs, const std::string& outputs);

namespace detail {

template <class T>
T npy_element(const std::byte* bytes, bool big_endian) {
  std::array<std::byte, sizeof(T)> value;
  std::memcpy(value.data(), bytes, sizeof(T));
  if (big_endian) std::reverse(value.begin(), value.end());
  return std::bit_cast<T>(value);
}

struct npy_bool {
  std::byte byte;
  template <class Out>
  explicit operator Out() const {
    return byte == std::byte{} ? Out{0} : Out{1};
  }
};

// The elements, of type T in the file, in its order.
template <class T, class Out>
void convert_npy(const npy_content& content, Out* out) {
  const std::byte* const begin = content.data.data();
  for (std::size_t at = 0; at < content.data.size(); at += sizeof(T))
    *out++ = static_cast<Out>(npy_element<T>(begin + at, content.big_endian));
}

template <class Out>
void read_npy_elements(const npy_content& content, Out* out) {
  const std::string_view type = content.type;
  if (type == "b1") return convert_npy<npy_bool>(content, out);
  if (type == "i1") return convert_npy<std::int8_t>(content, out);
  if (type == "i2") return convert_npy<std::int16_t>(content, out);
  if (type == "i4") return convert_npy<std::int32_t>(content, out);
  if (type == "i8") return convert_npy<std::int64_t>(content, out);
  if (type == "u1") return convert_npy<std::uint8_t>(content, out);
  if (type == "u2") return convert_npy<std::uint16_t>(content, out);
  if (type == "u4") return convert_npy<std::uint32_t>(content, out);
  if (type == "u8") return convert_npy<std::uint64_t>(content, out);
  if (type == "f2") return convert_npy<Eigen::half>(content, out);
  if (type == "f4") return convert_npy<float>(content, out);
  return convert_npy<double>(content, out);
}

// Copies elements from Fortran order, the first axis fastest, to C order.
inline void reorder_npy(const std::vector<index_t>& shape, const std::vector<float>& from, float* to) {
  std::vector<index_t> strides(shape.size(), 1), position(shape.size(), 0);
  for (std::size_t axis = shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * shape[axis];
  index_t offset = 0;
  for (const float value : from) {
    to[offset] = value;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      offset += strides[axis];
      if (++position[axis] < shape[axis]) break;
      position[axis] = 0;
      offset -= strides[axis] * shape[axis];
    }
  }
}

inline npy_array read_npy_array(const npy_content& content, const std::string& file) {
  npy_array result{content.shape, {}};
  index_t cols = 1;
  for (std::size_t axis = 1; axis < content.shape.size(); ++axis) cols *= content.shape[axis];
  result.values.resize(content.shape.empty() ? 1 : content.shape[0], cols);
  if (content.fortran_order) {
    std::vector<float> elements(static_cast<std::size_t>(content.count()));
    read_npy_elements(content, elements.data());
    reorder_npy(content.shape, elements, result.values.data());
  } else {
    read_npy_elements(content, result.values.data());
  }
  if (result.values.size() > 0)  // a few bytes may say that there are any number of empty rows
    for_each_finite_row<float>(as_matrix(std::as_const(result.values)), finite_in_float(file + ": values"),
                               [](index_t, auto) {});
  return result;
}

inline void read_npy_labels(const npy_content& content, const std::string& file, dataset& data) {
  require<shape_error>(content.shape.size() == 1, file, ": labels have rank ", content.shape.size(), ", must have 1");
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(content.count()));
  read_npy_elements(content, numbers.data());
  for (const std::int64_t label : numbers) {  // beyond 2^63 they come out negative
    require<value_error>(label >= 0 && label < std::numeric_limits<int>::max(), file, ": label ", data.labels.size(),
                         " is ", label, ", must be 0 to ", std::numeric_limits<int>::max() - 1);
    data.labels.push_back(static_cast<int>(label));
    data.classes = std::max(data.classes, data.labels.back() + 1);
  }
}

// Magic, version, length, and the dictionary with blanks behind it, so that the data begin at a multiple of 64; the
// same bytes as NumPy's.
inline std::string npy_head(std::string_view type, std::span<const index_t> shape) {
  std::string dictionary = text("{'descr': '", type, "', 'fortran_order': False, 'shape': (");
  std::string_view before_extent = "";
  for (const index_t extent : shape) {
    dictionary += text(before_extent, extent);
    before_extent = ", ";
  }
  dictionary += shape.size() == 1 ? ",), }" : "), }";
  constexpr std::size_t before = 10;
  dictionary.resize((before + dictionary.size() + 1 + 63) / 64 * 64 - before, ' ');
  dictionary.back() = '\n';
  const std::size_t length = dictionary.size();
  const char size[2] = {static_cast<char>(length & 255), static_cast<char>(length >> 8)};
  return std::string("\x93NUMPY\x01\x00", 8) + std::string(size, 2) + dictionary;
}

}  // namespace detail

inline npy_array read_npy(const std::string& path) {
  const detail::mapped_file mapped(path);
  return detail::read_npy_array(detail::parse_npy(mapped.bytes(), path), path);
}

inline dataset load_npy(const std::string& inputs, const std::string& outputs) {
  const npy_array samples = read_npy(inputs);
  detail::require<shape_error>(!samples.shape.empty(), inputs, ": is one number, not samples");
  dataset data{samples.values.transpose(), {}, 0, std::filesystem::path(inputs).stem().string()};
  const detail::mapped_file mapped(outputs);
  const detail::npy_content content = detail::parse_npy(mapped.bytes(), outputs);
  const index_t count = content.shape.empty() ? 1 : content.shape[0];
  detail::require<shape_error>(count == data.samples(), inputs, ": ", data.samples(), " samples, but ", outputs,
                               " has ", count);
  if (content.type[0] != 'f') {
    detail::read_npy_labels(content, outputs, data);
    return data;
  }
  detail::require<shape_error>(content.shape.size() == 1 || content.shape.size() == 2, outputs, ": targets have rank ",
                               content.shape.size(), ", must have 1 or 2");
  data.targets = detail::read_npy_array(content, outputs).values.transpose();
  return data;
}

template <tensor_like X>
void save_npy(const X& x, const std::string& path) {
  using value_type = compute_t<detail::element_of<X>>;
  const auto matrix = as_matrix(x);
  std::size_t rank = detail::adaptor_of<X>::rank;
  if constexpr (detail::adaptor_of<X>::rank == dynamic_rank) rank = detail::adaptor_of<X>::runtime_rank(x);
  std::vector<index_t> shape;
  for (std::size_t axis = 0; axis < rank; ++axis) shape.push_back(detail::adaptor_of<X>::extent(x, axis));
  detail::atomic_file file(path);
  const std::string head = detail::npy_head(std::is_same_v<value_type, double> ? "<f8" : "<f4", shape);
  file.write(std::as_bytes(std::span(head)));
  constexpr index_t chunk = 1 << 16;
  const index_t rows = std::max<index_t>(chunk / std::max<index_t>(matrix.cols(), 1), 1);
  std::vector<value_type> values(static_cast<std::size_t>(std::min(rows, matrix.rows()) * matrix.cols()));
  for (index_t row = 0; row < matrix.rows(); row += rows) {
    const index_t count = std::min(rows, matrix.rows() - row);
    matrix.read_rows(row, count, values.data());
    file.write(std::as_bytes(std::span(values).first(static_cast<std::size_t>(count * matrix.cols()))));
  }
  file.commit();
}

inline void save_npy(const std::vector<int>& numbers, const std::string& path) {
  static_assert(sizeof(int) == 4);
  const index_t size = static_cast<index_t>(numbers.size());
  const std::string head = detail::npy_head("<i4", std::span(&size, 1));
  detail::atomic_file file(path);
  file.write(std::as_bytes(std::span(head)));
  file.write(std::as_bytes(std::span(numbers)));
  file.commit();
}

inline void save_npy(const dataset& data, const std::string& inputs, const std::string& outputs) {
  validate(data);
  save_npy(data.inputs.transpose(), inputs);
  if (data.classes > 0)
    save_npy(data.labels, outputs);
  else
    save_npy(data.targets.transpose(), outputs);
}

}  // namespace pare

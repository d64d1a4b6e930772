// GGUF files, version 3 (github.com/ggml-org/ggml, docs/gguf.md): metadata and named tensors, as they lie in the mapped
// file, and written. Opt-in, but needs nothing beyond the library.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <pare/io/atomic_file.hpp>
#include <pare/io/byte_ranges.hpp>
#include <pare/io/gguf_metadata.hpp>
#include <pare/io/gguf_quantize.hpp>
#include <pare/io/mapped_file.hpp>
#include <pare/quantize/codes.hpp>
#include <pare/tensor/eigen.hpp>

namespace pare {

using gguf_metadata = std::vector<std::pair<std::string, gguf_value>>;

// Row-major: the last extent is that of elements side by side, which the file names first.
struct gguf_tensor {
  std::string name;
  gguf_type type = gguf_type::f32;
  std::vector<index_t> shape;
  std::span<const std::byte> bytes;
};

// What a file holds, in its order. Copies share the mapping, and no tensor is read until it is looked at; the file must
// not change meanwhile.
class gguf_file {
 public:
  // Throws io_error for a file that cannot be read; format_error for one that is not what the format asks for, has a
  // type that is not in gguf_type, or tensors that share bytes.
  explicit gguf_file(const std::string& path);

  const std::string& name() const noexcept { return name_; }
  const gguf_metadata& metadata() const noexcept { return metadata_; }
  const std::vector<gguf_tensor>& tensors() const noexcept { return tensors_; }

  // Null if there is no such key.
  const gguf_value* find(std::string_view key) const;

  // Throws value_error listing what there is if there is no such tensor.
  const gguf_tensor& at(std::string_view tensor) const;

  // What a matrix [rows, cols], or a vector, stands for: the bits that ggml's reference code gives. Errors as for `at`,
  // shape_error for another rank.
  row_major_matrix matrix(std::string_view tensor) const;
  Eigen::VectorXf vector(std::string_view tensor) const;

  // The codes and scales of a matrix of Q4_0, Q5_0, Q8_0 or IQ4_NL as they are, in groups of 32, ready for `pack`:
  // nothing is rounded. Errors as for `matrix`, value_error for another type.
  quantized_codes codes(std::string_view tensor) const;

 private:
  std::string name_;
  std::shared_ptr<const detail::mapped_file> file_;
  gguf_metadata metadata_;
  std::vector<gguf_tensor> tensors_;
};

// The bytes of a tensor of such a type, F32, F16, Q8_0, Q4_0 or Q4_1: those of ggml's reference quantizer. Throws
// value_error for another type, shape_error if blocks do not fit the rows, and value_error for a value that is not
// finite.
template <tensor_like W>
std::vector<std::byte> to_gguf(const W& weights, gguf_type type);

// Writes metadata and tensors in this order; the file appears whole or not at all. Throws value_error for an alignment
// (general.alignment, default 32) that is not a multiple of 8 up to 2^20, a name or key that is there twice, a tensor
// whose bytes are not those of its type and shape, and beyond the format's limits: 4 extents, 64 bytes of a name;
// io_error.
void save_gguf(const gguf_metadata& metadata, const std::vector<gguf_tensor>& tensors, const std::string& path);

namespace detail {

inline constexpr std::array<char, 4> gguf_magic{'G', 'G', 'U', 'F'};
inline constexpr std::uint32_t gguf_version = 3;
inline constexpr std::size_t most_gguf_extents = 4, most_gguf_name = 64;
inline constexpr std::uint64_t most_gguf_alignment = std::uint64_t{1} << 20;

// What the format asks of general.alignment; 32 without one. Throws Error.
template <class Error>
std::uint64_t gguf_alignment(const gguf_metadata& metadata) {
  for (const auto& [key, value] : metadata)
    if (key == "general.alignment") {
      require<Error>(value.type() == gguf_value_type::u32, "general.alignment is of type ",
                     static_cast<std::uint32_t>(value.type()), ", must be 4 (u32)");
      const auto alignment = value.template number<std::uint64_t>();
      require<Error>(alignment > 0 && alignment % 8 == 0 && alignment <= most_gguf_alignment, "general.alignment is ",
                     alignment, ", must be a multiple of 8 up to ", most_gguf_alignment);
      return alignment;
    }
  return 32;
}

// Bytes of a tensor. Throws Error for a shape that the type has no blocks for, or that cannot be counted.
template <class Error>
std::uint64_t gguf_tensor_bytes(const gguf_tensor& tensor) {
  const gguf_block* const block = find_gguf_block(tensor.type);
  const auto check = [&](bool condition, const auto&... pieces) {
    require<Error>(condition, tensor.name.substr(0, 100), ": ", pieces...);
  };
  check(block != nullptr, "unknown type ", static_cast<std::uint32_t>(tensor.type));
  check(tensor.shape.size() <= most_gguf_extents, "has ", tensor.shape.size(), " extents, must have at most ",
        most_gguf_extents);
  const index_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
  check(row % block->elements == 0, "rows have ", row, " elements, must be a multiple of ", block->elements, " in ",
        block->name);
  constexpr index_t most = std::numeric_limits<index_t>::max() / 64;
  index_t count = 1;
  for (const index_t extent : tensor.shape) {
    check(extent >= 0 && extent <= most && (extent == 0 || count <= most / extent), "the product of the extents is ",
          "beyond ", most);
    count *= extent;
  }
  return static_cast<std::uint64_t>(count / block->elements * block->bytes);
}

constexpr std::uint64_t aligned_to(std::uint64_t alignment, std::uint64_t position) {
  return (position + alignment - 1) / alignment * alignment;
}

// "name Q4_0 [3, 32]" of each tensor, or of the first few.
inline std::string list_of(const std::vector<gguf_tensor>& tensors) {
  constexpr std::size_t most = 20;
  std::string list;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (i == most) return text(list, " and ", tensors.size() - most, " more");
    list += text(i > 0 ? ", " : "", tensors[i].name, ' ', name_of(tensors[i].type), " [");
    for (std::size_t axis = 0; axis < tensors[i].shape.size(); ++axis)
      list += text(axis > 0 ? ", " : "", tensors[i].shape[axis]);
    list += ']';
  }
  return list.empty() ? "no tensors" : list;
}

// The metadata, each key once.
inline gguf_metadata read_gguf_metadata(gguf_cursor& cursor, std::uint64_t count) {
  constexpr std::uint64_t least_bytes = 13;  // of a key without letters and a value of one byte
  require<format_error>(count <= cursor.left() / least_bytes, "has ", count, " keys, there is no room for so many");
  gguf_metadata metadata;
  std::set<std::string> keys;
  for (; count > 0; --count) {
    std::string key(cursor.text());
    require<format_error>(keys.insert(key).second, "the key ", key.substr(0, 100), " is there twice");
    const auto type = cursor.number<gguf_value_type>();
    metadata.emplace_back(std::move(key), gguf_value::taken(cursor, type));
  }
  return metadata;
}

// A tensor without its bytes, and where these begin in the data.
inline std::pair<gguf_tensor, std::uint64_t> read_gguf_tensor(gguf_cursor& cursor) {
  gguf_tensor tensor;
  tensor.name = cursor.text();
  const auto extents = cursor.number<std::uint32_t>();
  require<format_error>(extents <= most_gguf_extents, tensor.name.substr(0, 100), ": has ", extents,
                        " extents, must have at most ", most_gguf_extents);
  for (std::uint32_t i = 0; i < extents; ++i) {
    const auto extent = cursor.number<std::uint64_t>();
    require<format_error>(extent <= std::numeric_limits<index_t>::max() / 64, tensor.name.substr(0, 100), ": extent ",
                          i, " is ", extent, ", too large");
    tensor.shape.insert(tensor.shape.begin(), static_cast<index_t>(extent));
  }
  tensor.type = cursor.number<gguf_type>();
  return {std::move(tensor), cursor.number<std::uint64_t>()};
}

// Everything in the bytes of a file. Throws format_error unless every rule of the format holds.
inline std::pair<gguf_metadata, std::vector<gguf_tensor>> read_gguf(std::span<const std::byte> file) {
  gguf_cursor cursor(file, "the file");
  const auto magic = cursor.number<std::array<char, 4>>();
  require<format_error>(magic == gguf_magic, "does not begin with GGUF");
  const auto version = cursor.number<std::uint32_t>();
  require<format_error>(version == gguf_version, "version is ", version, ", must be ", gguf_version,
                        version > 0xffff ? " and little-endian" : "");
  const auto tensor_count = cursor.number<std::uint64_t>();
  const auto key_count = cursor.number<std::uint64_t>();
  gguf_metadata metadata = read_gguf_metadata(cursor, key_count);
  const std::uint64_t alignment = gguf_alignment<format_error>(metadata);

  constexpr std::uint64_t least_bytes = 24;  // of a tensor without a name and extents
  require<format_error>(tensor_count <= cursor.left() / least_bytes, "has ", tensor_count,
                        " tensors, there is no room for so many");
  // Whatever the data turn out to be, they are no more than the rest of the file.
  const std::uint64_t most_data = cursor.left();
  std::vector<std::pair<gguf_tensor, std::uint64_t>> found;
  std::set<std::string> names;
  byte_ranges ranges;
  for (std::uint64_t i = 0; i < tensor_count; ++i) {
    auto& [tensor, offset] = found.emplace_back(read_gguf_tensor(cursor));
    const std::uint64_t bytes = gguf_tensor_bytes<format_error>(tensor);
    require<format_error>(names.insert(tensor.name).second, tensor.name.substr(0, 100), ": is there twice");
    require<format_error>(offset % alignment == 0, tensor.name.substr(0, 100), ": begins at ", offset,
                          ", must be a multiple of ", alignment);
    require<format_error>(bytes <= most_data && offset <= most_data - bytes, tensor.name.substr(0, 100), ": begins at ",
                          offset, " and has ", bytes, " bytes, beyond the end of the file");
    ranges.add(offset, offset + bytes);
  }
  const std::uint64_t data_at = aligned_to(alignment, cursor.position());
  const auto data = file.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(data_at, file.size())));
  std::vector<gguf_tensor> tensors;
  for (auto& [tensor, offset] : found) {
    const std::uint64_t bytes = gguf_tensor_bytes<format_error>(tensor);
    require<format_error>(bytes <= data.size() && offset <= data.size() - bytes, tensor.name.substr(0, 100),
                          ": begins at ", offset, " and has ", bytes, " bytes, the data have ", data.size());
    tensor.bytes = data.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(bytes));
    tensors.push_back(std::move(tensor));
  }
  return {std::move(metadata), std::move(tensors)};
}

inline Eigen::VectorXf gguf_floats(const gguf_tensor& tensor) {
  const gguf_block& block = *find_gguf_block(tensor.type);
  const index_t blocks = static_cast<index_t>(tensor.bytes.size()) / block.bytes;
  Eigen::VectorXf values(blocks * block.elements);
  for (index_t i = 0; i < blocks; ++i)
    block.decode(tensor.bytes.data() + i * block.bytes, values.data() + i * block.elements);
  return values;
}

// How codes of a type lie in a block of 32, and what they stand for: level - zero, times a 16-bit float that comes
// first.
struct gguf_code_layout {
  gguf_type type;
  int bits;
  index_t high_at;  // the fifth bits, 0 for none
  index_t low_at;
};
inline constexpr std::array<gguf_code_layout, 4> gguf_code_layouts = {
    {{gguf_type::q4_0, 4, 0, 2}, {gguf_type::q5_0, 5, 2, 6}, {gguf_type::q8_0, 8, 0, 2}, {gguf_type::iq4_nl, 4, 0, 2}}};

inline void read_gguf_codes(const gguf_code_layout& layout, const std::byte* block, std::uint8_t* codes) {
  if (layout.bits == 8) {
    for (int i = 0; i < 32; ++i) codes[i] = static_cast<std::uint8_t>(byte_at(block + layout.low_at, i) ^ 128);
    return;
  }
  const std::uint32_t high = layout.high_at > 0 ? read_number<std::uint32_t>(block + layout.high_at) : 0;
  for_each_nibble(block + layout.low_at, [&](int i, int q) {
    codes[i] = static_cast<std::uint8_t>(static_cast<unsigned>(q) | (high >> i & 1) << 4);
  });
}

inline void append_text(std::string& out, std::string_view text) {
  const std::uint64_t size = text.size();
  out.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
}
template <class T>
void append_number(std::string& out, T number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// Everything of a file before its data, padded, and where each tensor begins in these.
inline std::string gguf_head(const gguf_metadata& metadata, const std::vector<gguf_tensor>& tensors) {
  const std::uint64_t alignment = gguf_alignment<value_error>(metadata);
  std::string head(gguf_magic.begin(), gguf_magic.end());
  append_number(head, gguf_version);
  append_number(head, std::uint64_t{tensors.size()});
  append_number(head, std::uint64_t{metadata.size()});
  for (const auto& [key, value] : metadata) {
    append_text(head, key);
    append_number(head, value.type());
    head.append(reinterpret_cast<const char*>(value.bytes().data()), value.bytes().size());
  }
  std::uint64_t offset = 0;
  for (const gguf_tensor& tensor : tensors) {
    append_text(head, tensor.name);
    append_number(head, static_cast<std::uint32_t>(tensor.shape.size()));
    for (std::size_t axis = tensor.shape.size(); axis-- > 0;)
      append_number(head, static_cast<std::uint64_t>(tensor.shape[axis]));
    append_number(head, tensor.type);
    append_number(head, offset);
    offset = aligned_to(alignment, offset + tensor.bytes.size());
  }
  head.resize(static_cast<std::size_t>(aligned_to(alignment, head.size())), '\0');
  return head;
}

inline void require_gguf(const gguf_metadata& metadata, const std::vector<gguf_tensor>& tensors) {
  std::set<std::string_view> names;
  for (const auto& [key, value] : metadata) {
    require<value_error>(key.size() <= 65535, "a key has ", key.size(), " bytes, must have at most 65535");
    require<value_error>(names.insert(key).second, "the key ", key, " is there twice");
  }
  names.clear();
  for (const gguf_tensor& tensor : tensors) {
    require<value_error>(tensor.name.size() <= most_gguf_name, tensor.name, ": the name has ", tensor.name.size(),
                         " bytes, must have at most ", most_gguf_name);
    require<value_error>(names.insert(tensor.name).second, tensor.name, ": is there twice");
    const std::uint64_t bytes = gguf_tensor_bytes<value_error>(tensor);
    require<value_error>(tensor.bytes.size() == bytes, tensor.name, ": has ", tensor.bytes.size(),
                         " bytes, its type and shape ask for ", bytes);
  }
}

}  // namespace detail

inline gguf_file::gguf_file(const std::string& path)
    : name_(path), file_(std::make_shared<const detail::mapped_file>(path)) {
  try {
    std::tie(metadata_, tensors_) = detail::read_gguf(file_->bytes());
  } catch (const format_error& reason) {
    throw format_error(detail::text(name_, ": ", reason.what()));
  }
}

inline const gguf_value* gguf_file::find(std::string_view key) const {
  for (const auto& [name, value] : metadata_)
    if (name == key) return &value;
  return nullptr;
}

inline const gguf_tensor& gguf_file::at(std::string_view tensor) const {
  for (const gguf_tensor& each : tensors_)
    if (each.name == tensor) return each;
  throw value_error(
      detail::text(name_, ": has no tensor ", tensor.substr(0, 100), ". There are: ", detail::list_of(tensors_)));
}

inline row_major_matrix gguf_file::matrix(std::string_view tensor) const {
  const gguf_tensor& found = at(tensor);
  detail::require<shape_error>(found.shape.size() == 2, name_, ": ", found.name, " has rank ", found.shape.size(),
                               ", must be a matrix");
  const Eigen::VectorXf values = detail::gguf_floats(found);
  return Eigen::Map<const row_major_matrix>(values.data(), found.shape[0], found.shape[1]);
}

inline Eigen::VectorXf gguf_file::vector(std::string_view tensor) const {
  const gguf_tensor& found = at(tensor);
  detail::require<shape_error>(found.shape.size() == 1, name_, ": ", found.name, " has rank ", found.shape.size(),
                               ", must be a vector");
  return detail::gguf_floats(found);
}

inline quantized_codes gguf_file::codes(std::string_view tensor) const {
  const gguf_tensor& found = at(tensor);
  detail::require<shape_error>(found.shape.size() == 2, name_, ": ", found.name, " has rank ", found.shape.size(),
                               ", must be a matrix");
  for (const detail::gguf_code_layout& layout : detail::gguf_code_layouts) {
    if (layout.type != found.type) continue;
    const detail::gguf_block& block = *detail::find_gguf_block(found.type);
    quantized_codes q;
    q.rows = found.shape[0];
    q.cols = found.shape[1];
    q.bits = layout.bits;
    q.group_size = block.elements;
    if (found.type == gguf_type::iq4_nl) q.levels.assign(detail::iq4_nl_levels.begin(), detail::iq4_nl_levels.end());
    q.unit.assign(static_cast<std::size_t>(q.rows), 1.0f);
    q.codes.resize(static_cast<std::size_t>(q.rows * q.cols));
    const index_t blocks = q.rows * q.groups();
    for (index_t i = 0; i < blocks; ++i) {
      const std::byte* const bytes = found.bytes.data() + i * block.bytes;
      q.scale.push_back(detail::read_number<std::uint16_t>(bytes));
      detail::read_gguf_codes(layout, bytes, q.codes.data() + i * block.elements);
    }
    return q;
  }
  throw value_error(detail::text(name_, ": ", found.name, " is ", name_of(found.type),
                                 ", only codes of Q4_0, Q5_0, Q8_0 and IQ4_NL can be taken as they are"));
}

template <tensor_like W>
std::vector<std::byte> to_gguf(const W& weights, gguf_type type) {
  const detail::gguf_encoder encode = detail::find_gguf_encoder(type);
  detail::require<value_error>(encode != nullptr, "type is ", name_of(type), ", must be F32, F16, Q8_0, Q4_0 or Q4_1");
  const auto rows = as_matrix(weights);
  detail::require_finite(rows, "weights");
  const detail::gguf_block& block = *detail::find_gguf_block(type);
  detail::require<shape_error>(rows.cols() % block.elements == 0, "rows have ", rows.cols(),
                               " elements, must be a multiple of ", block.elements, " in ", block.name);
  const index_t blocks = rows.cols() / block.elements;
  std::vector<std::byte> bytes(static_cast<std::size_t>(rows.rows() * blocks * block.bytes));
  std::vector<float> row(static_cast<std::size_t>(rows.cols()));
  std::byte* out = bytes.data();
  for (index_t r = 0; r < rows.rows(); ++r) {
    float* next = row.data();
    rows.for_each_in_row(r, [&](const auto& value) { *next++ = static_cast<float>(value); });
    for (index_t i = 0; i < blocks; ++i, out += block.bytes) encode(row.data() + i * block.elements, out);
  }
  return bytes;
}

inline void save_gguf(const gguf_metadata& metadata, const std::vector<gguf_tensor>& tensors, const std::string& path) {
  detail::require_gguf(metadata, tensors);
  const std::uint64_t alignment = detail::gguf_alignment<value_error>(metadata);
  const std::string head = detail::gguf_head(metadata, tensors);
  const std::vector<std::byte> padding(static_cast<std::size_t>(alignment));
  detail::atomic_file file(path);
  file.write(std::as_bytes(std::span(head)));
  for (const gguf_tensor& tensor : tensors) {
    file.write(tensor.bytes);
    const std::uint64_t over = detail::aligned_to(alignment, tensor.bytes.size()) - tensor.bytes.size();
    file.write(std::span(padding).first(static_cast<std::size_t>(over)));
  }
  file.commit();
}

}  // namespace pare

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
#include <tuple>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <pare/io/byte_ranges.hpp>
#include <pare/io/gguf_tensor.hpp>
#include <pare/io/gguf_writer.hpp>
#include <pare/io/mapped_file.hpp>
#include <pare/quantize/codes.hpp>
#include <pare/tensor/eigen.hpp>

namespace pare {

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

namespace detail {

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

}  // namespace detail

inline gguf_file::gguf_file(const std::string& path) : name_(path) {
  detail::read_file(path, [&](const auto& file, std::span<const std::byte> bytes) {
    std::tie(metadata_, tensors_) = detail::read_gguf(bytes);
    file_ = file;
  });
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

}  // namespace pare

// GGUF files, written.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <pare/io/atomic_file.hpp>
#include <pare/io/gguf_quantize.hpp>
#include <pare/io/gguf_tensor.hpp>
#include <pare/tensor/finite.hpp>

namespace pare {

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

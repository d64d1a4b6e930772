// A tensor of a GGUF file, and the limits of the format that reading and writing share.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <pare/io/gguf_blocks.hpp>
#include <pare/io/gguf_metadata.hpp>

namespace pare {

using gguf_metadata = std::vector<std::pair<std::string, gguf_value>>;

// Row-major: the last extent is that of elements side by side, which the file names first.
struct gguf_tensor {
  std::string name;
  gguf_type type = gguf_type::f32;
  std::vector<index_t> shape;
  std::span<const std::byte> bytes;
};

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

}  // namespace detail
}  // namespace pare

// The frame of a coded file: 12 bytes of header, then what was coded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <pare/io/checksum.hpp>
#include <pare/io/layer_coder.hpp>

namespace pare::detail {

struct coded_header {
  file_prefix prefix;
  std::uint32_t checksum = 0;  // of the whole file, with zero in this field
};
static_assert(sizeof(coded_header) == 12);

constexpr symbol_mode symbol_mode_of(coding how) {
  return how == coding::small ? symbol_mode::adaptive : symbol_mode::blocks;
}

// The upper half of a 64-bit checksum xor the lower one.
constexpr std::uint32_t folded(std::uint64_t sum) { return static_cast<std::uint32_t>(sum ^ sum >> 32); }

// Of the header with zero for its checksum, in a block of its own, and what follows it.
inline std::uint32_t checksum_of(coded_header header, std::span<const std::byte> coded) {
  header.checksum = 0;
  checksum sum;
  sum.add(std::as_bytes(std::span(&header, 1)));
  sum.add(coded);
  return folded(sum.value() + coded.size());
}

// 32 bits that stand for an output: the checksum of its floats, as run_sample gives them.
inline std::uint32_t output_hash(std::span<const float> output) {
  checksum sum;
  sum.add(std::as_bytes(output));
  return folded(sum.value());
}

}  // namespace pare::detail

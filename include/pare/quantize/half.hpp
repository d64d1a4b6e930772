// 16-bit floats as bits: IEEE's, in which scales are stored, and bfloat16, in which dense weights may be.
#pragma once

#include <bit>
#include <cstdint>

#include <Eigen/Core>

namespace pare::detail {

// Rounded to nearest even; magnitudes above 65504 become infinite.
inline std::uint16_t half_bits(float value) { return Eigen::numext::bit_cast<std::uint16_t>(Eigen::half(value)); }

inline float half_value(std::uint16_t bits) { return static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(bits)); }

// A finite value rounded to nearest even; at most the largest finite one.
inline std::uint16_t bfloat_bits(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return static_cast<std::uint16_t>((rounded & 0x7fff) == 0x7f80 ? rounded - 1 : rounded);
}

inline float bfloat_value(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

}  // namespace pare::detail

// 16-bit floats as the bits in which scales are stored.
#pragma once

#include <bit>
#include <cstdint>

#include <Eigen/Core>

namespace pare::detail {

// Rounded to nearest even; magnitudes above 65504 become infinite.
inline std::uint16_t half_bits(float value) { return Eigen::numext::bit_cast<std::uint16_t>(Eigen::half(value)); }

inline float half_value(std::uint16_t bits) { return static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(bits)); }

}  // namespace pare::detail

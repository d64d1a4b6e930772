// What a group of weights needs of its scale: the extremes that it must reach, and how small or large it may be.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include <Eigen/Core>

#include <pare/quantize/options.hpp>

namespace pare::detail {

// A group's scale with its offset (two_level) or zero point (asymmetric), before they are rounded to storage.
struct group_range {
  double scale = 0;
  double offset = 0;
};

// A scale below twice the smallest normal float counts as zero, and with it the whole group: half of it is still exact.
inline constexpr double least_scale = 2 * static_cast<double>(std::numeric_limits<float>::min());

// A scale beyond the largest float is that: only weights near it need one.
inline constexpr double most_scale = std::numeric_limits<float>::max();

#include <pare/tensor/strict_fp_begin.inl>

// Least |v| that all but (100 - percentile) % of the magnitudes stay within; nearest rank.
inline double magnitude_percentile(std::span<const float> values, double percentile) {
  std::vector<float> magnitudes(values.begin(), values.end());
  for (float& value : magnitudes) value = std::fabs(value);
  const double rank = std::ceil(percentile / 100 * static_cast<double>(magnitudes.size()));
  const auto kth = magnitudes.begin() + static_cast<index_t>(std::max(rank, 1.0)) - 1;
  std::nth_element(magnitudes.begin(), kth, magnitudes.end());
  return static_cast<double>(*kth);
}

struct extremes {
  double low = 0, high = 0;
  double magnitude() const { return std::max(-low, high); }
};

// The range that must be representable: of the values, or of those within the percentile.
inline extremes find_extremes(std::span<const float> values, const quantize_options& options) {
  if (values.empty()) return {};
  const Eigen::Map<const Eigen::ArrayXf> all(values.data(), static_cast<index_t>(values.size()));
  extremes found{static_cast<double>(all.minCoeff()), static_cast<double>(all.maxCoeff())};
  // Which of the zeros of either sign Eigen finds depends on where the values lie in memory.
  if (found.low == found.high) found.low = found.high = static_cast<double>(values.front());
  if (options.range == range::percentile) {
    const double limit = magnitude_percentile(values, options.percentile);
    found.low = std::clamp(found.low, -limit, limit);
    found.high = std::clamp(found.high, -limit, limit);
  }
  return found;
}

// What a scale is multiplied by instead of being divided by; zero for a scale that counts as zero.
inline float inverse_or_zero(double scale) {
  return std::fabs(scale) < least_scale ? 0.0f : static_cast<float>(1 / scale);
}

#include <pare/tensor/strict_fp_end.inl>

}  // namespace pare::detail

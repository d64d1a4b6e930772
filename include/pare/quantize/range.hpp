// The scale of one group of weights: from its extremes, a percentile, or a search for the least squared error.
#pragma once

#include <algorithm>
#include <array>
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

// Integers that codes stand for: [low, high] in steps of 1, or just the two ends for 1-bit symmetric codes.
struct code_range {
  int low;
  int high;
  bool only_ends = false;
};

constexpr code_range centered_codes(int bits) {
  return bits == 1 ? code_range{-1, 1, true} : code_range{-(1 << (bits - 1)), (1 << (bits - 1)) - 1};
}

// A scale below twice the smallest normal float counts as zero, and with it the whole group: half of it is still exact.
inline constexpr double least_scale = 2 * static_cast<double>(std::numeric_limits<float>::min());

// A scale beyond the largest float is that: only weights near it need one.
inline constexpr double most_scale = std::numeric_limits<float>::max();

#include <pare/tensor/strict_fp_begin.inl>

// Nearest integer, ties to even; |x| below 2^22.
inline float round_even(float x) {
  constexpr float magic = 12582912.0f;  // 1.5 · 2^23: adding it leaves no fraction bits
  return (x + magic) - magic;
}

// The integer code of x = value / scale.
inline float nearest_code(float x, const code_range& codes) {
  if (codes.only_ends) return x < 0 ? -1.0f : 1.0f;
  const float low = static_cast<float>(codes.low);
  const float high = static_cast<float>(codes.high);
  return round_even(std::min(std::max(low, x), high));
}

// Sums over a group of values v and the codes c that (v - shift) / scale rounds to.
struct code_sums {
  double c = 0, cc = 0, vc = 0;
};

inline code_sums sum_codes(std::span<const float> values, float inverse_scale, float shift, const code_range& codes) {
  code_sums sums;
  for (const float value : values) {
    const float code = nearest_code((value - shift) * inverse_scale, codes);
    sums.c += static_cast<double>(code);
    sums.cc += static_cast<double>(code * code);
    sums.vc += static_cast<double>(value) * static_cast<double>(code);
  }
  return sums;
}

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
  if (options.range == range::percentile) {
    const double limit = magnitude_percentile(values, options.percentile);
    found.low = std::clamp(found.low, -limit, limit);
    found.high = std::clamp(found.high, -limit, limit);
  }
  return found;
}

inline float inverse(double scale) { return static_cast<float>(1 / scale); }

// How far beyond the extremes' own code the search goes, by bits: wide for few bits, where saturating pays.
inline constexpr std::array<double, 9> search_reach = {0, 0, 0.9, 0.6, 0.4, 0.25, 0.15, 0.08, 0.05};

// s minimizing sum (v - s c)^2 over grids of s of both signs (the negative end holds one code more), each refined once
// by least squares: s = sum v c / sum c c.
inline group_range search_symmetric(std::span<const float> values, double magnitude, int bits) {
  const code_range codes = centered_codes(bits);
  constexpr int steps = 16;
  const double reach = search_reach[static_cast<std::size_t>(bits)] * -codes.low + 1;
  group_range best{magnitude / std::max(codes.high, 1), 0};
  double best_gain = -1;
  for (int step = 0; step < steps; ++step)
    for (const double sign : {1.0, -1.0}) {
      const double scale = sign * magnitude / (codes.high + reach * step / (steps - 1));
      if (std::fabs(scale) < least_scale) continue;
      const code_sums sums = sum_codes(values, inverse(scale), 0, codes);
      const double gain = sums.cc > 0 ? sums.vc * sums.vc / sums.cc : 0;  // sum v^2 less the squared error
      if (gain > best_gain) {
        best_gain = gain;
        best.scale = sums.cc > 0 ? sums.vc / sums.cc : scale;
      }
    }
  return best;
}

inline group_range symmetric_range(std::span<const float> values, const quantize_options& options) {
  const double magnitude = find_extremes(values, options).magnitude();
  if (options.range == range::squared_error) return search_symmetric(values, magnitude, options.bits);
  return {magnitude / centered_codes(options.bits).high, 0};
}

// Calls visit(low, high) for every pair of ends shrunk towards `pivot`.
template <class Visit>
void for_each_shrunk(const extremes& ends, double pivot, int bits, Visit&& visit) {
  constexpr int steps = 12;
  const double most = 0.5 * search_reach[static_cast<std::size_t>(std::max(bits, 2))];
  for (int i = 0; i < steps; ++i)
    for (int j = 0; j < steps; ++j) {
      const double keep_low = 1 - most * i / (steps - 1);
      const double keep_high = 1 - most * j / (steps - 1);
      visit(pivot + (ends.low - pivot) * keep_low, pivot + (ends.high - pivot) * keep_high);
    }
}

// The range must contain zero; offset is the zero point, rounded to an integer code.
inline group_range asymmetric_range(std::span<const float> values, const quantize_options& options) {
  extremes ends = find_extremes(values, options);
  ends.low = std::min(ends.low, 0.0);
  ends.high = std::max(ends.high, 0.0);
  const int top = (1 << options.bits) - 1;
  const auto at = [top](double low, double high) {
    const double scale = (high - low) / top;
    const float zero = scale < least_scale ? 0 : round_even(static_cast<float>(-low / scale));
    return group_range{scale, std::clamp<double>(zero, 0, top)};
  };
  group_range best = at(ends.low, ends.high);
  if (options.range != range::squared_error) return best;
  double best_gain = -1;
  for_each_shrunk(ends, 0, options.bits, [&](double low, double high) {
    const group_range candidate = at(low, high);
    if (candidate.scale < least_scale) return;
    const int zero = static_cast<int>(candidate.offset);
    const code_sums sums = sum_codes(values, inverse(candidate.scale), 0, {-zero, top - zero});
    const double gain = sums.cc > 0 ? sums.vc * sums.vc / sums.cc : 0;
    if (gain <= best_gain) return;
    best_gain = gain;
    best = {sums.cc > 0 ? sums.vc / sums.cc : candidate.scale, candidate.offset};
  });
  return best;
}

// Scale and real-valued offset; refined by linear regression of the values on their codes.
inline group_range two_level_range(std::span<const float> values, const quantize_options& options) {
  const code_range codes = centered_codes(options.bits);
  const double span = codes.high - codes.low;
  const extremes ends = find_extremes(values, options);
  const auto at = [&](double low, double high) {
    const double scale = (high - low) / span;
    return group_range{scale, low - scale * codes.low};
  };
  group_range best = at(ends.low, ends.high);
  if (options.range != range::squared_error || best.scale < least_scale) return best;
  const double n = static_cast<double>(values.size());
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  double best_gain = -1;
  for_each_shrunk(ends, sum / n, options.bits, [&](double low, double high) {
    const group_range candidate = at(low, high);
    if (candidate.scale < least_scale) return;
    const code_sums sums = sum_codes(values, inverse(candidate.scale), static_cast<float>(candidate.offset), codes);
    const double covariance = sums.vc - sum * sums.c / n;
    const double variance = sums.cc - sums.c * sums.c / n;
    const double gain = variance > 0 ? covariance * covariance / variance : 0;
    if (gain <= best_gain || variance <= 0) return;
    best_gain = gain;
    best.scale = covariance / variance;
    best.offset = (sum - best.scale * sums.c) / n;
  });
  return best;
}

#include <pare/tensor/strict_fp_end.inl>

}  // namespace pare::detail

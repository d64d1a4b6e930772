// The search for the scale of a group that makes the least squared error.
#pragma once

#include <array>
#include <cmath>
#include <span>

#include <pare/quantize/range.hpp>
#include <pare/quantize/trials.hpp>

namespace pare::detail {

// How far beyond the extremes' own code the search goes, by bits: wide for few bits, where saturating pays.
inline constexpr std::array<double, 9> search_reach = {0, 0, 0.9, 0.6, 0.4, 0.25, 0.15, 0.08, 0.05};

// Scales of either sign that are tried.
inline constexpr std::size_t search_steps = 16;

#include <pare/tensor/strict_fp_begin.inl>

// What the magnitude is divided by, of each step, by bits: from the largest code on.
inline constexpr auto search_divisors = [] {
  std::array<std::array<double, search_steps>, 9> divisors{};
  for (std::size_t bits = 1; bits <= 8; ++bits) {
    const code_range codes = centered_codes(static_cast<int>(bits));
    const double reach = search_reach[bits] * -codes.low + 1;
    for (std::size_t i = 0; i < search_steps; ++i)
      divisors[bits][i] = codes.high + reach * static_cast<double>(i) / (search_steps - 1);
  }
  return divisors;
}();

template <std::size_t Count>
std::array<float, Count> inverses_or_zeros(const std::array<double, Count>& scales) {
  std::array<float, Count> inverses;
  for (std::size_t i = 0; i < Count; ++i) inverses[i] = static_cast<float>(1 / scales[i]);
  for (std::size_t i = 0; i < Count; ++i)
    if (std::fabs(scales[i]) < least_scale) inverses[i] = 0;
  return inverses;
}

// Calls use(nearest), where nearest(x) is the integer code, as a float, of x = value / scale.
template <class Use>
auto with_nearest_code(const code_range& codes, const Use& use) {
  if (codes.only_ends) return use([](float x) { return x < 0 ? -1.0f : 1.0f; });
  const float low = static_cast<float>(codes.low), high = static_cast<float>(codes.high);
  return use([low, high](float x) { return round_even(clamp_code(x, low, high)); });
}

// s minimizing sum (v - s c)^2 over grids of s of both signs (the negative end holds one code more), each refined once
// by least squares: s = sum v c / sum c c.
inline group_range search_symmetric(std::span<const float> values, double magnitude, int bits) {
  const code_range codes = centered_codes(bits);
  constexpr std::size_t count = 2 * search_steps;  // the positive scales, then the negative ones
  std::array<double, count> scales;
  const auto& divisors = search_divisors[static_cast<std::size_t>(bits)];
  for (std::size_t i = 0; i < search_steps; ++i) {
    scales[i] = magnitude / divisors[i];
    scales[i + search_steps] = -scales[i];
  }
  const std::array<float, count> inverses = inverses_or_zeros(scales);
  const auto sums = with_nearest_code(codes, [&](const auto& nearest) {
    return sum_trials<sums_over::products, count>(values, [&](float value, std::array<float, count>& levels) {
      for (std::size_t i = 0; i < count; ++i) levels[i] = nearest(value * inverses[i]);
    });
  });
  const auto gains = sums.gains();
  group_range best{magnitude / codes.high, 0};
  double best_gain = -1;
  for (std::size_t step = 0; step < search_steps; ++step)
    for (const std::size_t i : {step, step + search_steps}) {
      if (inverses[i] == 0 || gains[i] <= best_gain) continue;
      best_gain = gains[i];
      best.scale = sums.scale_or(i, scales[i]);
    }
  return best;
}

// Ranges are shrunk at either end in so many steps, and a third of the grid of them is tried together.
inline constexpr std::size_t range_steps = 12;
inline constexpr std::size_t range_trials = range_steps * range_steps / 3;
template <class T>
using per_range = std::array<T, range_trials>;

// Calls try_ranges(low, high), with the ends of many ranges, until it was given every pair of ends shrunk towards
// `pivot`.
template <class TryRanges>
void for_each_shrunk(const extremes& ends, double pivot, int bits, const TryRanges& try_ranges) {
  const double most = 0.5 * search_reach[static_cast<std::size_t>(std::max(bits, 2))];
  std::array<double, range_steps> lows, highs;
  for (std::size_t step = 0; step < range_steps; ++step) {
    const double keep = 1 - most * static_cast<double>(step) / (range_steps - 1);
    lows[step] = pivot + (ends.low - pivot) * keep;
    highs[step] = pivot + (ends.high - pivot) * keep;
  }
  for (std::size_t first = 0; first < range_steps * range_steps; first += range_trials) {
    per_range<double> low, high;
    for (std::size_t i = 0; i < range_trials; ++i) {
      low[i] = lows[(first + i) / range_steps];
      high[i] = highs[(first + i) % range_steps];
    }
    try_ranges(low, high);
  }
}

// s and an integer zero point z minimizing sum (v - s (q - z))^2 over shrunk ranges, s refined as above.
inline group_range search_asymmetric(std::span<const float> values, const extremes& ends, int bits, group_range best) {
  const float top = static_cast<float>((1 << bits) - 1);
  double best_gain = -1;
  for_each_shrunk(ends, 0, bits, [&](const per_range<double>& low, const per_range<double>& high) {
    per_range<double> scales;
    per_range<float> zeros;
    for (std::size_t i = 0; i < range_trials; ++i) scales[i] = (high[i] - low[i]) / static_cast<double>(top);
    for (std::size_t i = 0; i < range_trials; ++i) zeros[i] = static_cast<float>(-low[i] / scales[i]);
    for (std::size_t i = 0; i < range_trials; ++i) zeros[i] = clamp_code(round_even(zeros[i]), 0, top);
    const per_range<float> inverses = inverses_or_zeros(scales);
    const auto sums = sum_trials<sums_over::products, range_trials>(values, [&](float value, per_range<float>& levels) {
      for (std::size_t i = 0; i < range_trials; ++i)
        levels[i] = round_even(clamp_code(value * inverses[i], -zeros[i], top - zeros[i]));
    });
    const auto gains = sums.gains();
    for (std::size_t i = 0; i < range_trials; ++i) {
      if (inverses[i] == 0 || gains[i] <= best_gain) continue;
      best_gain = gains[i];
      best = {sums.scale_or(i, scales[i]), static_cast<double>(zeros[i])};
    }
  });
  return best;
}

// s and a real-valued offset o minimizing sum (v - s c - o)^2 over shrunk ranges, each refined once by the linear
// regression of the values on their codes.
inline group_range search_two_level(std::span<const float> values, const extremes& ends, int bits, group_range best) {
  const code_range codes = centered_codes(bits);
  const double n = static_cast<double>(values.size());
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  double best_gain = -1;
  for_each_shrunk(ends, sum / n, bits, [&](const per_range<double>& low, const per_range<double>& high) {
    per_range<double> scales;
    per_range<float> shifts;
    for (std::size_t i = 0; i < range_trials; ++i) scales[i] = (high[i] - low[i]) / (codes.high - codes.low);
    for (std::size_t i = 0; i < range_trials; ++i) shifts[i] = static_cast<float>(low[i] - scales[i] * codes.low);
    const per_range<float> inverses = inverses_or_zeros(scales);
    const auto sums = with_nearest_code(codes, [&](const auto& nearest) {
      return sum_trials<sums_over::codes_too, range_trials>(values, [&](float value, per_range<float>& levels) {
        for (std::size_t i = 0; i < range_trials; ++i) levels[i] = nearest((value - shifts[i]) * inverses[i]);
      });
    });
    per_range<double> variances, covariances, gains;
    for (std::size_t i = 0; i < range_trials; ++i) {
      covariances[i] = sums.vc[i] - sum * sums.c[i] / n;
      variances[i] = sums.cc[i] - sums.c[i] * sums.c[i] / n;
      gains[i] = covariances[i] * covariances[i] / variances[i];
    }
    for (std::size_t i = 0; i < range_trials; ++i) {
      if (scales[i] < least_scale || variances[i] <= 0 || gains[i] <= best_gain) continue;
      best_gain = gains[i];
      best.scale = covariances[i] / variances[i];
      best.offset = (sum - best.scale * sums.c[i]) / n;
    }
  });
  return best;
}

#include <pare/tensor/strict_fp_end.inl>

}  // namespace pare::detail

// The search for the scale of a group that makes the least squared error.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
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

// Templates, as in two_level_search.hpp, so that searches are compiled only where they are used.
//
// s minimizing sum (v - s c)^2 over grids of s of both signs (the negative end holds one code more), each refined once
// by least squares: s = sum v c / sum c c.
template <std::same_as<float> Value>
group_range search_symmetric(std::span<const Value> values, double magnitude, int bits) {
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
    return sum_trials<count>(values, [&](float value, std::array<float, count>& levels) {
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

// The ends of a range, each shrunk towards `pivot` in so many steps.
template <std::size_t Steps>
struct shrunk_ends {
  std::array<double, Steps> low, high;

  shrunk_ends(const extremes& ends, double pivot, int bits) {
    const double most = 0.5 * search_reach[static_cast<std::size_t>(std::max(bits, 2))];
    for (std::size_t step = 0; step < Steps; ++step) {
      const double keep = 1 - most * static_cast<double>(step) / (Steps - 1);
      low[step] = pivot + (ends.low - pivot) * keep;
      high[step] = pivot + (ends.high - pivot) * keep;
    }
  }
};

// s and an integer zero point z minimizing sum (v - s (q - z))^2 over 12 · 12 shrunk ranges, s refined as above.
template <std::same_as<float> Value>
group_range search_asymmetric(std::span<const Value> values, const extremes& ends, int bits, group_range best) {
  constexpr std::size_t steps = 12, together = 48;
  const shrunk_ends<steps> shrunk(ends, 0, bits);
  const float top = static_cast<float>((1 << bits) - 1);
  double best_gain = -1;
  for (std::size_t first = 0; first < steps * steps; first += together) {
    std::array<double, together> scales;
    std::array<float, together> zeros;
    for (std::size_t i = 0; i < together; ++i) {
      const double low = shrunk.low[(first + i) / steps], high = shrunk.high[(first + i) % steps];
      scales[i] = (high - low) / static_cast<double>(top);
      zeros[i] = clamp_code(round_even(static_cast<float>(-low / scales[i])), 0.0f, top);
    }
    const auto inverses = inverses_or_zeros(scales);
    const auto sums = sum_trials<together>(values, [&](float value, std::array<float, together>& levels) {
      for (std::size_t i = 0; i < together; ++i)
        levels[i] = round_even(clamp_code(value * inverses[i], -zeros[i], top - zeros[i]));
    });
    const auto gains = sums.gains();
    for (std::size_t i = 0; i < together; ++i) {
      if (inverses[i] == 0 || gains[i] <= best_gain) continue;
      best_gain = gains[i];
      best = {sums.scale_or(i, scales[i]), static_cast<double>(zeros[i])};
    }
  }
  return best;
}

#include <pare/tensor/strict_fp_end.inl>

}  // namespace pare::detail

// Trying many scales for one group of weights, side by side.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <pare/quantize/round.hpp>

namespace pare::detail {

#include <pare/tensor/strict_fp_begin.inl>

// Sums over a group of values v and the codes c that they have in each of many trials.
template <std::size_t Count>
struct trial_sums {
  std::array<double, Count> cc{}, vc{};

  // How much of sum v^2 the codes explain when v = s c, with s = sum v c / sum c c: that less the squared error.
  std::array<double, Count> gains() const {
    std::array<double, Count> result;
    for (std::size_t i = 0; i < Count; ++i) result[i] = vc[i] * vc[i] / (cc[i] < 1 ? 1 : cc[i]);
    return result;
  }

  // That s, or another where all codes are zero.
  double scale_or(std::size_t i, double other) const { return cc[i] > 0 ? vc[i] / cc[i] : other; }
};

// Sums of squares of codes are exact in float up to this many values: 256 · 255^2 < 2^24.
inline constexpr std::size_t exact_values = 256;

// codes_of(value, levels) sets levels[trial], an integer within ±255. Sums over v c are in the order of the values.
template <std::size_t Count, class CodesOf>
trial_sums<Count> sum_trials(std::span<const float> values, const CodesOf& codes_of) {
  trial_sums<Count> sums;
  while (!values.empty()) {
    const auto some = values.first(std::min(values.size(), exact_values));
    values = values.subspan(some.size());
    std::array<float, Count> levels, cc{};
    std::array<double, Count> vc = sums.vc;
    for (const float value : some) {
      const double v = static_cast<double>(value);
      codes_of(value, levels);
      for (std::size_t i = 0; i < Count; ++i) cc[i] += levels[i] * levels[i];
      for (std::size_t i = 0; i < Count; ++i) vc[i] += v * static_cast<double>(levels[i]);
    }
    sums.vc = vc;
    for (std::size_t i = 0; i < Count; ++i) sums.cc[i] += static_cast<double>(cc[i]);
  }
  return sums;
}

#include <pare/tensor/strict_fp_end.inl>

}  // namespace pare::detail

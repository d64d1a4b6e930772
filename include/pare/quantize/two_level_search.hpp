// The search for the scale and the offset of a group that make the least squared error.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include <pare/quantize/search.hpp>
#include <pare/tensor/rounded.hpp>

namespace pare::detail {

#include <pare/tensor/strict_fp_begin.inl>

// 5 · 5 ranges that are tried side by side.
inline constexpr std::size_t tried_steps = 5, tried_ranges = tried_steps * tried_steps;

struct range_trials {
  std::array<float, (tried_ranges + 3) / 4 * 4> scale{}, offset{};  // scales at least least_scale
};

// The squared errors of the values under each, in units of the square of the first scale.
template <std::same_as<float> Value>
std::array<float, tried_ranges> squared_errors(std::span<const Value> values, const code_range& codes,
                                               const range_trials& trials) {
  constexpr std::size_t vectors = (tried_ranges + 3) / 4;
  const auto load = [](const float* from) { return float4{from[0], from[1], from[2], from[3]}; };
  std::array<float4, vectors> shifts, inverses;
  for (std::size_t i = 0; i < vectors; ++i) shifts[i] = load(&trials.offset[4 * i]);
  for (std::size_t i = 0; i < vectors; ++i) inverses[i] = repeat<float4>(1) / load(&trials.scale[4 * i]);
  const auto errors = with_nearest_code(codes, [&](const auto& nearest) {
    std::array<float4, vectors> sums{};
    for (const float value : values)
      for (std::size_t i = 0; i < vectors; ++i) {
        const float4 x = rounded((repeat<float4>(value) - shifts[i]) * inverses[i]), error = x - nearest(x);
        sums[i] += rounded(error * error);
      }
    return sums;
  });
  std::array<float, tried_ranges> result;
  for (std::size_t i = 0; i < tried_ranges; ++i)
    result[i] = errors[i / 4][i % 4] * (trials.scale[i] / trials.scale[0]) * (trials.scale[i] / trials.scale[0]);
  return result;
}

// Four ranges side by side, with the squared errors of the values in them.
struct four_ranges {
  std::array<double, 4> scale, offset, error;
};

// Moves each range to the linear regression of the values on the codes that they have in it, under which the same codes
// have the least squared error. One in which all values have the same code stays, with an infinite error.
template <std::same_as<float> Value>
void regress(std::span<const Value> values, const code_range& codes, four_ranges& ranges) {
  float4 inverse, shift;
  for (std::size_t k = 0; k < 4; ++k) inverse[k] = static_cast<float>(1 / ranges.scale[k]);
  for (std::size_t k = 0; k < 4; ++k) shift[k] = static_cast<float>(ranges.offset[k]);
  // Sums over the codes c and the errors e in units of the scale, which are small: floats are enough.
  std::array<double, 4> c{}, cc{}, e{}, ec{}, ee{};
  const auto add_to = [](std::array<double, 4>& sums, const float4& some) {
    for (std::size_t k = 0; k < 4; ++k) sums[k] += static_cast<double>(some[k]);
  };
  with_nearest_code(codes, [&](const auto& nearest) {
    for (std::size_t first = 0; first < values.size(); first += exact_values) {
      float4 some_c{}, some_cc{}, some_e{}, some_ec{}, some_ee{};
      for (const float value : values.subspan(first, std::min(exact_values, values.size() - first))) {
        const float4 x = rounded((repeat<float4>(value) - shift) * inverse), code = nearest(x), error = x - code;
        some_c += code;
        some_cc += code * code;
        some_e += error;
        some_ec += rounded(error * code);
        some_ee += rounded(error * error);
      }
      add_to(c, some_c), add_to(cc, some_cc), add_to(e, some_e), add_to(ec, some_ec), add_to(ee, some_ee);
    }
  });
  const double of_n = 1 / static_cast<double>(values.size());
  for (std::size_t k = 0; k < 4; ++k) {
    const double mean_c = c[k] * of_n, mean_e = e[k] * of_n, unit = 1 / static_cast<double>(inverse[k]);
    const double covariance = ec[k] - rounded(mean_e * c[k]), variance = cc[k] - rounded(mean_c * c[k]);
    ranges.error[k] = std::numeric_limits<double>::infinity();
    if (!(variance > 0)) continue;
    const double slope = covariance / variance;
    ranges.error[k] = (ee[k] - rounded(mean_e * e[k]) - rounded(covariance * slope)) * unit * unit;
    ranges.offset[k] += rounded((mean_e - rounded(slope * mean_c)) * unit);
    ranges.scale[k] = std::max(unit + rounded(unit * slope), least_scale);
  }
}

// s and a real-valued offset o minimizing sum (v - s c - o)^2: over 5 · 5 shrunk ranges, of which the best four are
// refined twice. On groups of 32 weights the error is within 2 % of that of 40 · 40 ranges refined until nothing
// changes up to 4 bits, 10 % at 6, 15 % at 8.
template <std::same_as<float> Value>
group_range search_two_level(std::span<const Value> values, const extremes& ends, int bits, group_range best) {
  const code_range codes = centered_codes(bits);
  double mean = 0;
  for (const float value : values) mean += static_cast<double>(value);
  mean /= static_cast<double>(values.size());
  const shrunk_ends<tried_steps> shrunk(ends, mean, bits);
  const double of_width = 1.0 / (codes.high - codes.low);
  range_trials trials;
  for (std::size_t i = 0; i < tried_ranges; ++i) {
    const double low = shrunk.low[i / tried_steps], high = shrunk.high[i % tried_steps];
    const double scale = std::max((high - low) * of_width, least_scale);
    trials.scale[i] = static_cast<float>(scale);
    trials.offset[i] = static_cast<float>(low - scale * codes.low);
  }
  auto errors = squared_errors(values, codes, trials);
  four_ranges found;
  for (std::size_t k = 0; k < 4; ++k) {
    const auto least = static_cast<std::size_t>(std::min_element(errors.begin(), errors.end()) - errors.begin());
    found.scale[k] = static_cast<double>(trials.scale[least]);
    found.offset[k] = static_cast<double>(trials.offset[least]);
    errors[least] = std::numeric_limits<float>::infinity();
  }
  for (int time = 0; time < 2; ++time) regress(values, codes, found);
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t k = 0; k < 4; ++k) {
    if (!(found.error[k] < least)) continue;
    least = found.error[k];
    best = {found.scale[k], found.offset[k]};
  }
  return best;
}

#include <pare/tensor/strict_fp_end.inl>

}  // namespace pare::detail

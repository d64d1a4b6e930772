// HQQ: offsets that let a few weights of a group be far off, so that the many others are near.
#pragma once

#include <pare/quantize/affine.hpp>
#include <pare/tensor/rounded.hpp>

namespace pare {

struct hqq_options {
  int iterations = 20;  // >= 0
  // Errors below (1 / sharpness)^(2/3) of a scale count as noise in the first iteration, and a little fewer in each
  // that follows.
  double sharpness = 10;  // > 0
  double growth = 1.01;   // of the sharpness in an iteration, >= 1
};

namespace detail {

#include <pare/tensor/strict_fp_begin.inl>

// How far x is from the codes of a group, in units of its scale.
inline double code_error(double x, const code_range& codes) {
  if (codes.only_ends) return x - (x < 0 ? -1 : 1);
  return x - std::nearbyint(std::clamp<double>(x, codes.low, codes.high));
}

// What is left of an error e when |e|^(1/2) + sharpness / 2 (e - left)^2 is made small: equation 5 with p = 1/2.
inline double shrunk_error(double e, double sharpness) {
  const double size = std::fabs(e), left = size - 1 / (sharpness * std::sqrt(size));
  return left > 0 ? std::copysign(left, e) : 0;
}

// The range with another offset, the best of those that were come across.
inline group_range hqq_range(std::span<const float> values, const group_range& start, const code_range& codes,
                             const hqq_options& options) {
  if (start.scale < least_scale || values.empty()) return start;
  group_range range = start, best = start;
  double least = std::numeric_limits<double>::infinity(), sharpness = options.sharpness;
  for (int i = 0; i <= options.iterations; ++i, sharpness *= options.growth) {
    double norm = 0, shift = 0;
    for (const float value : values) {
      const double e = code_error((static_cast<double>(value) - range.offset) / range.scale, codes);
      norm += std::sqrt(std::fabs(e));
      shift += e - shrunk_error(e, sharpness);
    }
    if (norm < least) {
      least = norm;
      best = range;
    }
    range.offset += rounded(shift / static_cast<double>(values.size()) * range.scale);
  }
  return best;
}

#include <pare/tensor/strict_fp_end.inl>

}  // namespace detail

// quantize_codes with scheme::two_level, whatever the options say, whose offsets are then moved so that sum |w -
// q|^(1/2) of every group becomes small, instead of the sum of squares: no data are needed. options.range finds the
// scales; the paper's is range::min_max. Badri and Shaji 2023, "Half-Quadratic Quantization of Large Machine Learning
// Models", equations 3 to 8, with a norm whose powers are square roots, the same on every machine, and in units of a
// group's scale. Errors as for quantize_codes, and value_error for options out of range. O(iterations · rows · cols).
template <tensor_like W>
quantized_codes hqq(const W& weights, quantize_options options = {}, const hqq_options& how = {}) {
  options.scheme = scheme::two_level;
  detail::require_valid(options);
  detail::require<value_error>(how.iterations >= 0, "iterations is ", how.iterations, ", must not be negative");
  detail::require<value_error>(how.sharpness > 0 && how.sharpness <= 1e30, "sharpness is ", how.sharpness,
                               ", must be positive and at most 1e30");
  detail::require<value_error>(how.growth >= 1 && how.growth <= 1e3, "growth is ", how.growth, ", must be 1 to 1000");
  const auto w = as_matrix(weights);
  quantized_codes q = detail::empty_codes(w.rows(), w.cols(), options);
  detail::quantize_rows(
      w, options, q,
      [&](std::span<const float> values) {
        return detail::hqq_range(values, detail::find_range(values, options), detail::centered_codes(options.bits),
                                 how);
      },
      [&](std::span<const float> values, std::span<const detail::group_range> ranges, quantized_codes& to,
          index_t row) { detail::round_affine_row(values, ranges, to, row, false); });
  return q;
}

}  // namespace pare

// quantize_codes: k-bit affine quantization of any tensor, into plain codes and the parameters of their groups.
#pragma once

#include <pare/quantize/codes.hpp>
#include <pare/quantize/search.hpp>
#include <pare/quantize/two_level_search.hpp>

namespace pare {
namespace detail {

#include <pare/tensor/strict_fp_begin.inl>

// Largest power of two not above |x|, for x normal.
inline float power_of_two_below(double x) { return static_cast<float>(std::ldexp(1.0, std::ilogb(x))); }

// Rounds to storage the scales of one row: unit · half(scale), the unit a power of two that brings the largest near
// one, or the scale itself where the row has only one.
inline void store_half_scales(std::span<const group_range> ranges, quantized_codes& q, index_t row) {
  const std::size_t first = static_cast<std::size_t>(row) * ranges.size();
  double largest = 0;
  for (const group_range& range : ranges) largest = std::max(largest, std::fabs(range.scale));
  largest = std::min(largest, most_scale);
  float& unit = q.unit[static_cast<std::size_t>(row)];
  if (largest < least_scale) {
    unit = 0;
  } else if (ranges.size() == 1) {
    unit = static_cast<float>(std::clamp(ranges[0].scale, -most_scale, most_scale));
    q.scale[first] = half_bits(1.0f);
  } else {
    unit = power_of_two_below(largest);
    for (std::size_t g = 0; g < ranges.size(); ++g)
      q.scale[first + g] = half_bits(static_cast<float>(ranges[g].scale / static_cast<double>(unit)));
  }
}

// The values of group g of a row, of which the last may be smaller.
inline std::span<const float> group_of(std::span<const float> row_values, std::size_t g, index_t group_size) {
  const std::size_t size = static_cast<std::size_t>(group_size);
  return row_values.subspan(g * size, std::min(size, row_values.size() - g * size));
}

// A scale of 1 to 255 and an offset of -128 to 127 units, and of those at most two off the one with the least squared
// error: rounding each by itself adds 1.9 % of error at 6 bits.
template <std::same_as<float> Value>
void search_stored(std::span<const Value> values, const code_range& codes, double unit, double offset_unit,
                   std::uint16_t& scale, std::int16_t& offset) {
  constexpr int side = tried_steps;
  const auto scale_at = [&](int i) { return std::clamp(scale + i / side - side / 2, 1, 255); };
  const auto offset_at = [&](int i) {
    return offset_unit == 0 ? 0 : std::clamp(offset + i % side - side / 2, -128, 127);
  };
  range_trials trials;
  for (int i = 0; i < side * side; ++i) {
    trials.scale[static_cast<std::size_t>(i)] = static_cast<float>(std::max(unit * scale_at(i), least_scale));
    trials.offset[static_cast<std::size_t>(i)] = static_cast<float>(offset_unit * offset_at(i));
  }
  auto errors = squared_errors(values, codes, trials);
  const auto nearest = errors.begin() + side * side / 2, least = std::min_element(errors.begin(), errors.end());
  const int found = static_cast<int>((*least < *nearest ? least : nearest) - errors.begin());
  const int found_offset = offset_at(found);
  scale = static_cast<std::uint16_t>(scale_at(found));
  offset = static_cast<std::int16_t>(found_offset);
}

// Rounds to storage scales as unit · (0 to 255) and offsets as offset_unit · (-128 to 127); one row. To the nearest, or
// `searched` for the least error.
template <std::same_as<float> Value>
void store_two_level(std::span<const Value> row_values, std::span<const group_range> ranges, quantized_codes& q,
                     index_t row, bool searched) {
  const std::size_t first = static_cast<std::size_t>(row) * ranges.size();
  double scale = 0, offset = 0;
  for (const group_range& range : ranges) {
    scale = std::max(scale, range.scale);
    offset = std::max(offset, std::fabs(range.offset));
  }
  scale = std::min(scale, most_scale);
  offset = std::min(offset, most_scale);
  // With a single group both are stored exactly: 1 · unit.
  const bool single = ranges.size() == 1;
  const double top_scale = single ? 1 : 255;
  const double top_offset = single ? 1 : 127;
  const float unit = scale < least_scale ? 0.0f : static_cast<float>(scale / top_scale);
  const float offset_unit = offset < least_scale ? 0.0f : static_cast<float>(offset / top_offset);
  q.unit[static_cast<std::size_t>(row)] = unit;
  q.offset_unit[static_cast<std::size_t>(row)] = offset_unit;
  for (std::size_t g = 0; g < ranges.size(); ++g) {
    const auto multiple = [](double x, float of, double low, double high) {
      return of == 0 ? 0.0 : std::clamp(std::nearbyint(x / static_cast<double>(of)), low, high);
    };
    std::uint16_t& of_scale = q.scale[first + g];
    std::int16_t& of_offset = q.offset[first + g];
    of_scale = static_cast<std::uint16_t>(multiple(ranges[g].scale, unit, 0, 255));
    of_offset = static_cast<std::int16_t>(multiple(ranges[g].offset, offset_unit, -128, 127));
    if (searched && !single && of_scale > 0)
      search_stored(group_of(row_values, g, q.group_size), centered_codes(q.bits), static_cast<double>(unit),
                    static_cast<double>(offset_unit), of_scale, of_offset);
  }
}

// The scale and shift of a group as stored, in which its codes are then rounded.
inline group_range stored_range(const quantized_codes& q, index_t row, std::size_t group) {
  const std::size_t r = static_cast<std::size_t>(row);
  if (q.scheme == scheme::two_level)
    return {static_cast<double>(q.unit[r]) * q.scale[group], static_cast<double>(q.offset_unit[r]) * q.offset[group]};
  return {static_cast<double>(q.unit[r]) * static_cast<double>(half_value(q.scale[group])), 0};
}

inline void round_group(std::span<const float> values, quantized_codes& q, index_t row, index_t first_col,
                        std::size_t group) {
  const group_range range = stored_range(q, row, group);
  const bool asymmetric = q.scheme == scheme::asymmetric;
  const int zero = asymmetric ? q.offset[group] : q.bits == 1 ? 1 : 1 << (q.bits - 1);
  const code_range codes = asymmetric ? code_range{-zero, (1 << q.bits) - 1 - zero} : centered_codes(q.bits);
  const code_rounding to{inverse_or_zero(range.scale), static_cast<float>(range.offset), codes, zero};
  round_values(values, to, q.codes.data() + row * q.cols + first_col);
}

template <std::same_as<float> Value>
group_range symmetric_range(std::span<const Value> values, const quantize_options& options) {
  const double magnitude = find_extremes(values, options).magnitude();
  if (options.range == range::squared_error) return search_symmetric(values, magnitude, options.bits);
  return {magnitude / centered_codes(options.bits).high, 0};
}

// The range must contain zero; offset is the zero point, rounded to an integer code.
template <std::same_as<float> Value>
group_range asymmetric_range(std::span<const Value> values, const quantize_options& options) {
  extremes ends = find_extremes(values, options);
  ends.low = std::min(ends.low, 0.0);
  ends.high = std::max(ends.high, 0.0);
  const int top = (1 << options.bits) - 1;
  const double scale = (ends.high - ends.low) / top;
  const float zero = scale < least_scale ? 0 : round_even(static_cast<float>(-ends.low / scale));
  const group_range whole{scale, std::clamp<double>(zero, 0, top)};
  return options.range == range::squared_error ? search_asymmetric(values, ends, options.bits, whole) : whole;
}

// Scale and real-valued offset.
template <std::same_as<float> Value>
group_range two_level_range(std::span<const Value> values, const quantize_options& options) {
  const code_range codes = centered_codes(options.bits);
  const extremes ends = find_extremes(values, options);
  const double scale = (ends.high - ends.low) / (codes.high - codes.low);
  const group_range whole{scale, ends.low - scale * codes.low};
  const bool searched = options.range == range::squared_error && scale >= least_scale;
  return searched ? search_two_level(values, ends, options.bits, whole) : whole;
}

template <std::same_as<quantize_options> Options = quantize_options>
group_range find_range(std::span<const float> values, const Options& options) {
  switch (options.scheme) {
    case scheme::symmetric: return symmetric_range(values, options);
    case scheme::asymmetric: return asymmetric_range(values, options);
    case scheme::two_level: return two_level_range(values, options);
  }
  return {};
}

// Stores the ranges of one row's groups, which were `searched` for the least error, and rounds its weights to codes.
template <std::same_as<float> Value>
void round_affine_row(std::span<const Value> row_values, std::span<const group_range> ranges, quantized_codes& q,
                      index_t row, bool searched) {
  if (q.scheme == scheme::two_level)
    store_two_level(row_values, ranges, q, row, searched);
  else
    store_half_scales(ranges, q, row);
  for (std::size_t g = 0; g < ranges.size(); ++g) {
    const std::size_t group = static_cast<std::size_t>(row) * ranges.size() + g;
    if (q.scheme == scheme::asymmetric) q.offset[group] = static_cast<std::int16_t>(ranges[g].offset);
    round_group(group_of(row_values, g, q.group_size), q, row, static_cast<index_t>(g) * q.group_size, group);
  }
}

inline quantized_codes empty_codes(index_t rows, index_t cols, const quantize_options& options) {
  quantized_codes q;
  q.rows = rows;
  q.cols = cols;
  q.bits = options.bits;
  q.scheme = options.scheme;
  q.group_size =
      std::max<index_t>(1, options.granularity == granularity::group ? std::min(options.group_size, cols) : cols);
  const std::size_t groups = static_cast<std::size_t>(rows * q.groups());
  q.codes.resize(static_cast<std::size_t>(rows * cols));
  q.unit.resize(static_cast<std::size_t>(rows));
  q.scale.resize(groups);
  if (q.scheme != scheme::symmetric) q.offset.resize(groups);
  if (q.scheme == scheme::two_level) q.offset_unit.resize(static_cast<std::size_t>(rows));
  return q;
}

template <class T>
std::vector<float> read_all_weights(const matrix_view<T>& w) {
  std::vector<float> all(static_cast<std::size_t>(w.size()));
  for_each_finite_row<float>(w, finite_in_float("weights"), [&](index_t row, std::span<const float> values) {
    std::copy(values.begin(), values.end(), all.data() + row * w.cols());
  });
  return all;
}

// Quantizes the rows of w: find_range(values) gives the range of each group, or of all weights at granularity::tensor,
// and round_row(values, ranges, q, row) stores the ranges of a row and rounds its weights to codes.
template <class T, class FindRange, class RoundRow>
void quantize_rows(const matrix_view<T>& w, const quantize_options& options, quantized_codes& q,
                   const FindRange& find_range, const RoundRow& round_row) {
  std::vector<group_range> ranges(static_cast<std::size_t>(q.groups()));
  const bool per_tensor = options.granularity == granularity::tensor;
  if (per_tensor) ranges.assign(ranges.size(), find_range(read_all_weights(w)));
  for_each_finite_row<float>(w, finite_in_float("weights"), [&](index_t row, std::span<const float> values) {
    for (std::size_t g = 0; g < ranges.size() && !per_tensor; ++g)
      ranges[g] = find_range(group_of(values, g, q.group_size));
    round_row(values, ranges, q, row);
  });
}

#include <pare/tensor/strict_fp_end.inl>

}  // namespace detail

// Quantizes a matrix [rows, cols] (of a tensor of rank 1 to 4: axis 0 × the rest) to codes of `options.bits` bits.
// Every weight becomes the representable value nearest to it under its group's stored parameters. A group whose scale
// would be below twice the smallest normal float becomes zero (or, with two_level, its offset).
// Throws value_error for options out of range and for weights that are not finite in float, naming the first.
// O(rows · cols), with a factor of about 30 (symmetric) to 150 for range::squared_error.
template <tensor_like W>
quantized_codes quantize_codes(const W& weights, const quantize_options& options = {}) {
  detail::require_valid(options);
  const auto w = as_matrix(weights);
  quantized_codes q = detail::empty_codes(w.rows(), w.cols(), options);
  detail::quantize_rows(
      w, options, q, [&](std::span<const float> values) { return detail::find_range(values, options); },
      [&](std::span<const float> values, std::span<const detail::group_range> ranges, quantized_codes& to,
          index_t row) { detail::round_affine_row(values, ranges, to, row, options.range == range::squared_error); });
  return q;
}

}  // namespace pare

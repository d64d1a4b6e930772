// Codebooks: codes that stand for freely chosen levels instead of evenly spaced ones.
#pragma once

#include <pare/quantize/affine.hpp>

namespace pare {

// Levels in units of 1/127 of a group's largest magnitude, ascending, at most 256 of them; code i stands for levels[i].
// Eight bits are what the multiply takes; a level is off by at most 0.4 % of that magnitude.
struct codebook {
  std::vector<std::int8_t> levels;
};

// The 16 levels of 4-bit NormalFloat, quantiles of a normal distribution with an exact zero
// (Dettmers 2023, arXiv 2305.14314, appendix E).
inline codebook nf4() { return {{-127, -88, -67, -50, -36, -23, -12, 0, 10, 20, 31, 43, 56, 71, 92, 127}}; }

namespace detail {

#include <pare/tensor/strict_fp_begin.inl>

// Weighed values in units of a level, by the halves that they lie between: midpoints of levels are multiples of one
// half. A template so that it is compiled only where it is used.
template <std::same_as<double> Weight>
class level_histogram {
 public:
  // |value| <= 127.
  void add(double value, Weight weight) {
    sums& at = cells_[static_cast<std::size_t>(std::ceil(2 * value) + 2 * most)];
    at.weight += weight;
    at.first += weight * value;
    at.second += weight * value * value;
  }

  // The `count` levels, ascending, for which the sum of weight (value - nearest level)^2 is least: exactly, by dynamic
  // programming over the level that comes before (Wu 1991, "Optimal quantization by matrix searching", without the
  // matrix searching: there are only 255 levels). O(255^2 count).
  std::vector<std::int8_t> best_levels(std::size_t count) const {
    std::vector<sums> below(cells_.size() + 1);  // below[i]: of cells before i
    for (std::size_t i = 0; i < cells_.size(); ++i) below[i + 1] = below[i] + cells_[i];
    // What values above `low` halves and up to `high` halves cost at a level.
    const auto cost = [&](int low, int high, int level) {
      const sums between =
          below[static_cast<std::size_t>(high + 2 * most + 1)] - below[static_cast<std::size_t>(low + 2 * most + 1)];
      return between.second - 2 * level * between.first + level * level * between.weight;
    };
    if (below.back().weight == 0) return std::vector<std::int8_t>(count);
    constexpr std::size_t levels = 2 * most + 1;
    std::vector<double> least(levels);  // of the values up to a level, which is the last so far
    for (int level = -most; level <= most; ++level) least[index(level)] = cost(-2 * most - 1, 2 * level, level);
    std::vector<level_row> before(count);
    for (std::size_t i = 1; i < count; ++i) {
      std::vector<double> next(levels, std::numeric_limits<double>::infinity());
      for (int level = -most; level <= most; ++level)
        for (int last = -most; last <= level; ++last) {
          const int middle = last + level;
          const double total = least[index(last)] + cost(2 * last, middle, last) + cost(middle, 2 * level, level);
          if (!(total < next[index(level)])) continue;
          next[index(level)] = total;
          before[i][index(level)] = static_cast<std::int8_t>(last);
        }
      least = std::move(next);
    }
    int level = -most;
    double best = std::numeric_limits<double>::infinity();
    for (int last = -most; last <= most; ++last) {
      const double total = least[index(last)] + cost(2 * last, 2 * most, last);
      if (!(total < best)) continue;
      best = total;
      level = last;
    }
    std::vector<std::int8_t> result(count);
    for (std::size_t i = count; i-- > 0; level = before[i][index(level)]) result[i] = static_cast<std::int8_t>(level);
    return result;
  }

 private:
  static constexpr int most = 127;

  struct sums {
    Weight weight = 0, first = 0, second = 0;
    friend sums operator+(const sums& a, const sums& b) {
      return {a.weight + b.weight, a.first + b.first, a.second + b.second};
    }
    friend sums operator-(const sums& a, const sums& b) {
      return {a.weight - b.weight, a.first - b.first, a.second - b.second};
    }
  };
  // A type of its own, so that vectors of it are compiled only where the template is.
  struct level_row : std::array<std::int8_t, 2 * most + 1> {};
  static std::size_t index(int level) { return static_cast<std::size_t>(level + most); }

  std::array<sums, 4 * most + 1> cells_{};  // cell i: values above (i - 1) / 2 - most and up to i / 2 - most
};

// Levels that a codebook can have, or value_error.
inline void require_valid(const codebook& book) {
  const std::size_t size = book.levels.size();
  require<value_error>(size >= 2 && size <= 256, "the codebook has ", size, " levels, must have 2 to 256");
  for (std::size_t i = 0; i < size; ++i) {
    require<value_error>(book.levels[i] >= -127, "codebook level ", i, " is ", int{book.levels[i]},
                         ", must be -127 to 127");
    require<value_error>(i == 0 || book.levels[i] >= book.levels[i - 1], "codebook level ", i, " is ",
                         int{book.levels[i]}, ", below the one before it");
  }
}

// The nearest code of x in units of a level. Codes change at the midpoints between levels, which are multiples of one
// half, so that a table over the halves tells the code of everything between two of them.
class nearest_level {
 public:
  explicit nearest_level(const codebook& book)
      : low_(static_cast<float>(2 * book.levels.front())), high_(static_cast<float>(2 * book.levels.back() + 1)) {
    std::size_t code = 0;
    for (std::size_t i = 0; i < halves; ++i) {
      const int below = static_cast<int>(i) - most;  // entry i is for below / 2 < x <= (below + 1) / 2
      while (code + 1 < book.levels.size() && book.levels[code] + book.levels[code + 1] <= below) ++code;
      codes_[i] = static_cast<std::uint8_t>(code);
      values_[i] = static_cast<float>(book.levels[code]);
    }
  }

  // Where x is in the table: the greatest integer below 2 x, counted from its start.
  std::uint32_t place(float x) const {
    const float twice = clamp_code(2 * x, low_, high_);
    const float nearest = round_even(twice);
    const std::uint32_t at = std::bit_cast<std::uint32_t>(nearest + (round_magic + most));
    return (at - (nearest < twice ? 0u : 1u)) & (halves - 1);
  }
  std::uint8_t code(std::uint32_t place) const { return codes_[static_cast<std::size_t>(place)]; }
  float value(std::uint32_t place) const { return values_[static_cast<std::size_t>(place)]; }

 private:
  static constexpr int most = 256;
  static constexpr std::uint32_t halves = 2 * most;
  float low_, high_;  // twice the numbers beyond which nothing changes
  std::array<std::uint8_t, halves> codes_;
  std::array<float, halves> values_;
};

// s minimizing sum (v - s level)^2, over shrunk ranges refined by least squares.
inline group_range codebook_range(std::span<const float> values, const nearest_level& nearest,
                                  const quantize_options& options) {
  const double magnitude = find_extremes(values, options).magnitude();
  group_range best{magnitude / 127, 0};
  if (options.range != range::squared_error) return best;
  constexpr std::size_t steps = 12;
  std::array<double, steps> scales;
  std::array<float, steps> inverses;
  for (std::size_t i = 0; i < steps; ++i) {
    scales[i] = magnitude / 127 * (1.05 - 0.4 * static_cast<double>(i) / (steps - 1));
    inverses[i] = inverse_or_zero(scales[i]);
  }
  const auto sums = sum_trials<steps>(values, [&](float value, std::array<float, steps>& levels) {
    std::array<std::uint32_t, steps> places;
    for (std::size_t i = 0; i < steps; ++i) places[i] = nearest.place(value * inverses[i]);
    for (std::size_t i = 0; i < steps; ++i) levels[i] = nearest.value(places[i]);
  });
  const auto gains = sums.gains();
  double best_gain = -1;
  for (std::size_t i = 0; i < steps; ++i) {
    if (inverses[i] == 0 || gains[i] <= best_gain) continue;
    best_gain = gains[i];
    best.scale = sums.scale_or(i, scales[i]);
  }
  return best;
}

inline quantize_options as_symmetric(quantize_options options, const codebook& book) {
  options.scheme = scheme::symmetric;
  options.bits = std::max(1, static_cast<int>(std::bit_width(book.levels.size() - 1)));
  return options;
}

// The largest magnitude among the columns of each group of one row.
inline std::vector<double> group_magnitudes(std::span<const float> values, index_t group_size) {
  const auto size = static_cast<std::size_t>(group_size);
  std::vector<double> magnitudes((values.size() + size - 1) / size);
  for (std::size_t g = 0; g < magnitudes.size(); ++g)
    magnitudes[g] = find_extremes(group_of(values, g, group_size), {.range = range::min_max}).magnitude();
  return magnitudes;
}

// Stores the ranges of one row's groups and rounds its weights to the nearest levels.
inline void round_row_to_levels(std::span<const float> row_values, std::span<const group_range> ranges,
                                quantized_codes& q, index_t row, const nearest_level& nearest) {
  store_half_scales(ranges, q, row);
  std::uint8_t* out = q.codes.data() + row * q.cols;
  for (std::size_t g = 0; g < ranges.size(); ++g) {
    const float inverse_scale =
        inverse_or_zero(stored_range(q, row, static_cast<std::size_t>(row) * ranges.size() + g).scale);
    const auto group = group_of(row_values, g, q.group_size);
    for_each_code_block(group, out, [&](const float* __restrict__ in, std::uint8_t* __restrict__ codes) {
      std::array<std::uint32_t, code_block> places;
      for (std::size_t i = 0; i < code_block; ++i) places[i] = nearest.place(in[i] * inverse_scale);
      for (std::size_t i = 0; i < code_block; ++i) codes[i] = nearest.code(places[i]);
    });
    out += group.size();
  }
}

#include <pare/tensor/strict_fp_end.inl>

}  // namespace detail

// k-means levels for a matrix: the weights of each group, divided by its largest magnitude, clustered into 2^bits
// levels of least squared error, exactly. `importance`, a tensor of the same shape, weighs each weight's squared error,
// such as the mean square of its gradient (Kim et al. 2024, "SqueezeLLM", arXiv 2306.07629, section 4.1); empty means
// equal. Throws value_error for options or weights out of range, a negative importance, shape_error for another shape.
// O(n + 255^2 2^bits).
template <tensor_like W, tensor_like Importance = std::span<const float>>
codebook fit_codebook(const W& weights, const quantize_options& options = {}, const Importance& importance = {}) {
  detail::require_valid(options);
  const auto w = as_matrix(weights);
  const auto h = as_matrix(importance);
  const bool weighted = h.size() > 0;
  detail::require<shape_error>(!weighted || (h.rows() == w.rows() && h.cols() == w.cols()), "importance is ", h.rows(),
                               " x ", h.cols(), ", the weights are ", w.rows(), " x ", w.cols());
  const index_t group_size = detail::empty_codes(0, w.cols(), options).group_size;
  const std::vector<float> all = detail::read_all_weights(w);
  const double overall = detail::find_extremes(all, {.range = range::min_max}).magnitude();
  detail::level_histogram<double> values;
  std::vector<float> row_importance;
  for (index_t row = 0; row < w.rows(); ++row) {
    const auto row_values =
        std::span(all).subspan(static_cast<std::size_t>(row * w.cols()), static_cast<std::size_t>(w.cols()));
    if (weighted) detail::read_floats(h, row, row_importance, "importance");
    const std::vector<double> magnitudes = detail::group_magnitudes(row_values, group_size);
    for (index_t col = 0; col < w.cols(); ++col) {
      const std::size_t c = static_cast<std::size_t>(col);
      const double magnitude =
          options.granularity == granularity::tensor ? overall : magnitudes[static_cast<std::size_t>(col / group_size)];
      if (magnitude < detail::least_scale) continue;
      const double weight = weighted ? static_cast<double>(row_importance[c]) : 1;
      detail::require<value_error>(weight >= 0, "importance[", row, ", ", col, "] is ", weight,
                                   ", must not be negative");
      // A squared error in units of the group's magnitude counts by the square of that magnitude.
      values.add(std::clamp(static_cast<double>(row_values[c]) / magnitude * 127, -127.0, 127.0),
                 weight * magnitude * magnitude);
    }
  }
  return {values.best_levels(std::size_t{1} << options.bits)};
}

// Quantizes to the nearest levels of a codebook, each group with its own scale; bits and scheme of the options do not
// matter. Errors as for the affine quantize_codes, and value_error for a codebook that is not ascending.
template <tensor_like W, std::same_as<codebook> Book>
quantized_codes quantize_codes(const W& weights, const Book& book, const quantize_options& wanted = {}) {
  detail::require_valid(book);
  const quantize_options options = detail::as_symmetric(wanted, book);
  detail::require_valid(options);
  const auto w = as_matrix(weights);
  const detail::nearest_level nearest(book);
  quantized_codes q = detail::empty_codes(w.rows(), w.cols(), options);
  q.levels = book.levels;
  q.levels.resize(std::size_t{1} << q.bits, book.levels.back());
  detail::quantize_rows(
      w, options, q, [&](std::span<const float> values) { return detail::codebook_range(values, nearest, options); },
      [&](std::span<const float> values, std::span<const detail::group_range> ranges, quantized_codes& into,
          index_t row) { detail::round_row_to_levels(values, ranges, into, row, nearest); });
  return q;
}

}  // namespace pare

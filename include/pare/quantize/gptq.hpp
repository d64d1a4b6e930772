// gptq: codes chosen column by column, so that later columns make up for the errors of earlier ones.
#pragma once

#include <optional>

#include <pare/prune/compensate.hpp>
#include <pare/prune/patterns.hpp>
#include <pare/quantize/nearest_code.hpp>
#include <pare/tensor/executor.hpp>

namespace pare {

struct gptq_options {
  // What a bit of the coded weights is worth, in mean squared error of an output: with more than 0 a code that is more
  // frequent may be chosen over a nearer one (Conzelmann and Bamler 2025, "CERWU", arXiv 2505.18758).
  double rate = 0;
  const mask* kept = nullptr;   // where given: weights that it does not keep get the code nearest to zero
  executor* threads = nullptr;  // takes rows side by side; null is the calling thread alone
};

namespace detail {

// Chooses the codes of rows [begin, end), of which `columns` are in the order of the factor. `costs` are of use with a
// rate.
inline void round_compensated(const Eigen::MatrixXf& columns, quantized_codes& q, index_t begin, index_t end,
                              const inverse_factor& factor, const gptq_options& options,
                              const std::optional<level_costs>& costs) {
  Eigen::MatrixXf left = columns.middleRows(begin, end - begin);
  const auto round = [&](index_t p, auto column) {
    const index_t col = factor.column(p);
    const double price = options.rate * factor.diagonal(p) * factor.diagonal(p);
    for (index_t row = begin; row < end; ++row) {
      const code_grid grid(q, row, col);
      const bool removed = options.kept != nullptr && !options.kept->test(row, col);
      const double wanted = removed ? 0 : static_cast<double>(column[row - begin]);
      const int code = costs && !removed ? grid.cheapest(wanted, price, *costs) : grid.nearest(wanted);
      q.code(row, col) = static_cast<std::uint8_t>(code);
      column[row - begin] = q.value(row, col);
    }
  };
  compensate(
      left, factor, compensated_block, [](index_t, index_t) {}, round);
}

}  // namespace detail

// Chooses the codes of weights [rows, cols] anew, under the scales, offsets or codebook that `start` gives their
// groups: quantize_codes(weights, options) is one. Where the inputs are uncorrelated nothing is gained over the
// nearest codes, which are then the result. Throws shape_error where extents do not fit, value_error for weights that
// are not finite in float and for a negative rate. O(rows · cols^2). Frantar et al. 2023, arXiv 2210.17323, algorithm
// 1, with parameters fixed beforehand.
template <tensor_like W>
quantized_codes gptq(const W& weights, quantized_codes start, const inverse_factor& factor,
                     const gptq_options& options = {}) {
  const auto w = as_matrix(weights);
  detail::require_codes_of(start, w);
  detail::require<value_error>(options.rate >= 0, "rate is ", options.rate, ", must not be negative");
  detail::require_mask_of(options.kept, w);
  const Eigen::MatrixXf columns = detail::visited_columns(w, factor);
  // Codes that are counted were chosen with counts of others: twice settles most of it.
  for (int pass = options.rate > 0 ? 0 : 1; pass < 2; ++pass) {
    std::optional<detail::level_costs> costs;
    if (options.rate > 0) costs.emplace(start);
    // Always so many rows together: products of other numbers of rows may be rounded otherwise.
    constexpr index_t at_once = 128;
    detail::for_each_range(options.threads, detail::pieces(start.rows, at_once), [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i)
        detail::round_compensated(columns, start, i * at_once, std::min((i + 1) * at_once, start.rows), factor, options,
                                  costs);
    });
  }
  return start;
}

}  // namespace pare

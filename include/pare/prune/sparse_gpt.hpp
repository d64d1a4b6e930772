// sparse_gpt: weights removed column by column, while the columns behind make up for them.
#pragma once

#include <pare/prune/compensate.hpp>
#include <pare/prune/patterns.hpp>

namespace pare {
namespace detail {

// Removes weights block by block: choose_mask(begin, end, scores) returns the mask of what is kept of visited columns
// [begin, end), whose scores |w| / U_pp are the roots of what the outputs would lose with each, up to a factor.
template <mutable_tensor W, class ChooseMask>
mask remove_and_compensate(W&& w, const inverse_factor& factor, index_t block, const ChooseMask& choose_mask) {
  const auto weights = as_matrix(w);
  Eigen::MatrixXf columns = visited_columns(weights, factor);
  mask kept(weights.rows(), weights.cols()), kept_of_block;
  index_t first = 0;
  compensate(
      columns, factor, block,
      [&](index_t begin, index_t end) {
        row_major_matrix scores = columns.middleCols(begin, end - begin).cwiseAbs();
        for (index_t p = begin; p < end; ++p)
          scores.col(p - begin) *= factor.is_dead(p) ? 0.0f : static_cast<float>(1 / factor.diagonal(p));
        kept_of_block = choose_mask(begin, end, scores);
        first = begin;
      },
      [&](index_t p, auto column) {
        for (index_t row = 0; row < weights.rows(); ++row)
          if (kept_of_block.test(row, p - first))
            kept.set(row, factor.column(p));
          else
            column[row] = 0;
      });
  row_major_matrix result(weights.rows(), weights.cols());
  for (index_t p = 0; p < weights.cols(); ++p) result.col(factor.column(p)) = columns.col(p);
  write_floats(result, weights);
  return kept;
}

}  // namespace detail

// Removes this share of the weights [rows, cols], exactly: kept_count(size, value) remain, about as many in each 128
// columns; returns the mask. Those that remain are changed so that outputs change little: Frantar and Alistarh 2023,
// "SparseGPT", arXiv 2301.00774, algorithm 1. Where few columns are left to make up for many, beyond some 70 %,
// wanda_scores and refit, or optimal_brain_surgeon, do better. Throws shape_error where extents do not fit, value_error
// for weights that are not finite in float and unless 0 <= value <= 1; the weights are unchanged then. O(rows ·
// cols^2).
template <mutable_tensor W>
mask sparse_gpt(W&& w, const inverse_factor& factor, sparsity pattern) {
  const auto count = [&](index_t rows, index_t columns) { return kept_count(rows * columns, pattern.value); };
  return detail::remove_and_compensate(
      w, factor, detail::compensated_block, [&](index_t begin, index_t end, const row_major_matrix& scores) {
        const index_t keep = count(scores.rows(), end) - count(scores.rows(), begin);
        return make_mask(by_score(scores), sparsity{1 - static_cast<double>(keep) /
                                                            static_cast<double>(std::max<index_t>(1, scores.size()))});
      });
}

// Keeps n of each m consecutive columns of a row. Throws value_error also unless 0 <= n <= m and m >= 1, and unless the
// factor's columns are in the order of the weights (column_order::as_they_are).
template <mutable_tensor W>
mask sparse_gpt(W&& w, const inverse_factor& factor, n_of_m pattern) {
  for (index_t p = 0; p < factor.size(); ++p)
    detail::require<value_error>(factor.column(p) == p, "n_of_m takes columns as they are, the factor visits column ",
                                 factor.column(p), " as number ", p);
  return detail::remove_and_compensate(
      w, factor, std::max<index_t>(1, pattern.m),
      [&](index_t, index_t, const row_major_matrix& scores) { return make_mask(by_score(scores), pattern); });
}

}  // namespace pare

// Wanda: weights ranked by what they contribute to outputs on average.
#pragma once

#include <pare/prune/input_statistics.hpp>

namespace pare {

// |w_ij| · root E[x_j^2] for weights [rows, cols], to be ranked by by_score: per row, row_sparsity, as its authors do
// (Sun et al. 2024, arXiv 2306.11695, equation 1, up to a factor), or by any pattern. Throws shape_error where extents
// do not fit and value_error for weights that are not finite in float.
template <tensor_like W>
row_major_matrix wanda_scores(const W& weights, const input_statistics& inputs) {
  const auto w = as_matrix(weights);
  detail::require<shape_error>(w.cols() == inputs.inputs(), "the weights have ", w.cols(), " columns, the inputs are ",
                               inputs.inputs());
  const Eigen::RowVectorXf norm = inputs.mean_square().cwiseSqrt().cast<float>().transpose();
  row_major_matrix scores(w.rows(), w.cols());
  detail::for_each_finite_row<float>(
      w, detail::finite_in_float("weights"), [&](index_t row, std::span<const float> values) {
        scores.row(row) = Eigen::Map<const Eigen::RowVectorXf>(values.data(), w.cols()).cwiseAbs().cwiseProduct(norm);
      });
  return scores;
}

}  // namespace pare

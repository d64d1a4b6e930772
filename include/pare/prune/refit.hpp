// Least squares for what is kept: the weights that make up best for those that were removed.
#pragma once

#include <vector>

#include <pare/prune/float_matrix.hpp>
#include <pare/prune/mask.hpp>
#include <pare/prune/second_moment.hpp>

namespace pare {
namespace detail {

// False if the moment of what is kept is singular; the row is as it was then.
inline bool refit_row(row_major_matrix& weights, index_t row, const mask& kept, const Eigen::MatrixXd& moment) {
  const Eigen::VectorXd before = weights.row(row).transpose().cast<double>();
  std::vector<index_t> stay, go;
  for (index_t col = 0; col < before.size(); ++col) {
    if (kept.test(row, col))
      stay.push_back(col);
    else if (before[col] != 0)
      go.push_back(col);
  }
  Eigen::VectorXd after = before(stay);
  if (!stay.empty() && !go.empty()) {
    const Eigen::LLT<Eigen::MatrixXd> factor(moment(stay, stay));
    if (factor.info() != Eigen::Success) return false;
    after += factor.solve(moment(stay, go) * before(go));
  }
  weights.row(row).setZero();
  weights.row(row)(stay) = after.cast<float>();
  return true;
}

}  // namespace detail

// Removes the weights [rows, cols] that a mask does not keep, and changes those that it keeps so that the outputs of
// inputs with this second moment E[x xᵀ] [cols, cols] change the least: per row, with S kept and R removed,
//   w_S += H_SS^-1 H_SR w_R
// Throws shape_error where extents do not fit, and value_error for numbers that are not finite, for a negative damping,
// and where H_SS is singular with it; the weights are unchanged then. O(kept^3) per row.
template <mutable_tensor W>
void refit(W&& w, const mask& kept, const Eigen::MatrixXd& second_moment, const compensation_options& options = {}) {
  const auto weights = as_matrix(w);
  detail::require_mask_of(&kept, weights);
  detail::require_moment(second_moment, weights.cols());
  detail::require_damping(options.damping);
  row_major_matrix result = detail::float_matrix(weights, "weights");
  const Eigen::MatrixXd moment = detail::damped(second_moment, options.damping);
  std::vector<char> singular(static_cast<std::size_t>(weights.rows()));
  detail::for_each_range(options.threads, weights.rows(), [&](index_t begin, index_t end) {
    for (index_t row = begin; row < end; ++row)
      singular[static_cast<std::size_t>(row)] = !detail::refit_row(result, row, kept, moment);
  });
  const index_t bad = std::find(singular.begin(), singular.end(), 1) - singular.begin();
  detail::require<value_error>(bad == weights.rows(), "the second moment of the inputs kept in row ", bad,
                               " is singular with a damping of ", options.damping);
  detail::write_floats(result, weights);
}

}  // namespace pare

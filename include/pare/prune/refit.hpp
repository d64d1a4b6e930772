// Least squares for what is kept: the weights that make up best for those that were removed.
#pragma once

#include <vector>

#include <Eigen/Cholesky>

#include <pare/prune/float_matrix.hpp>
#include <pare/prune/mask.hpp>

namespace pare {
namespace detail {

// Throws shape_error or value_error unless `moment` can be the second moment of the inputs of weights with `cols`
// columns.
inline void require_moment(const Eigen::MatrixXd& moment, index_t cols) {
  require<shape_error>(moment.rows() == cols && moment.cols() == cols, "the second moment is ", moment.rows(), " x ",
                       moment.cols(), ", the weights have ", cols, " columns");
  require_finite(as_matrix(moment), "the second moment");
}

inline void require_damping(double damping) {
  require<value_error>(damping >= 0, "damping is ", damping, ", must not be negative");
}

// H with a share of the mean of its diagonal added to all of it; 1 where it is zero, for inputs that always are.
inline Eigen::MatrixXd damped(Eigen::MatrixXd moment, double damping) {
  const double add = damping * moment.diagonal().mean();
  for (index_t j = 0; j < moment.rows(); ++j) moment(j, j) = moment(j, j) == 0 ? 1 : moment(j, j) + add;
  return moment;
}

}  // namespace detail

// Removes the weights [rows, cols] that a mask does not keep, and changes those that it keeps so that the outputs of
// inputs with this second moment E[x xᵀ] [cols, cols] change the least: per row, with S kept and R removed,
//   w_S += H_SS^-1 H_SR w_R
// Throws shape_error where extents do not fit, and value_error for numbers that are not finite, for a negative damping,
// and where H_SS is singular with it; the weights are unchanged then. O(kept^3) per row.
template <mutable_tensor W>
void refit(W&& w, const mask& kept, const Eigen::MatrixXd& second_moment, double damping = 0.01) {
  const auto weights = as_matrix(w);
  detail::require_mask_of(&kept, weights);
  detail::require_moment(second_moment, weights.cols());
  detail::require_damping(damping);
  const Eigen::MatrixXd moment = detail::damped(second_moment, damping);
  row_major_matrix result(weights.rows(), weights.cols());
  detail::for_each_finite_row<float>(
      weights, detail::finite_in_float("weights"), [&](index_t row, std::span<const float> values) {
        std::vector<index_t> stay, go;
        for (index_t col = 0; col < weights.cols(); ++col) {
          if (kept.test(row, col))
            stay.push_back(col);
          else if (values[static_cast<std::size_t>(col)] != 0.0f)
            go.push_back(col);
        }
        const Eigen::VectorXd before = Eigen::Map<const Eigen::VectorXf>(values.data(), weights.cols()).cast<double>();
        result.row(row).setZero();
        result.row(row)(stay) = before(stay).cast<float>();
        if (stay.empty() || go.empty()) return;
        const Eigen::LLT<Eigen::MatrixXd> factor(moment(stay, stay));
        detail::require<value_error>(factor.info() == Eigen::Success, "the second moment of the inputs kept in row ",
                                     row, " is singular with a damping of ", damping);
        result.row(row)(stay) = (before(stay) + factor.solve(moment(stay, go) * before(go))).template cast<float>();
      });
  detail::write_floats(result, weights);
}

}  // namespace pare

// The second moment H = E[x xᵀ] of a layer's inputs, as methods that solve for weights take it.
#pragma once

#include <Eigen/Cholesky>

#include <pare/tensor/eigen.hpp>
#include <pare/tensor/executor.hpp>
#include <pare/tensor/finite.hpp>

namespace pare {

// What such methods have in common.
struct compensation_options {
  double damping = 0.01;        // of the mean of H's diagonal, added to all of it
  executor* threads = nullptr;  // takes rows side by side; null is the calling thread alone
};

namespace detail {

// Throws shape_error or value_error unless `moment` can be that of the inputs of weights with `cols` columns.
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

// The inverse of a moment that has been damped by that share. Throws value_error where it is singular all the same.
inline Eigen::MatrixXd inverse_of_damped(const Eigen::MatrixXd& moment, double damping) {
  const Eigen::LLT<Eigen::MatrixXd> factor(moment);
  require<value_error>(factor.info() == Eigen::Success, "the second moment is singular with a damping of ", damping);
  return factor.solve(Eigen::MatrixXd::Identity(moment.rows(), moment.cols()));
}

}  // namespace detail
}  // namespace pare

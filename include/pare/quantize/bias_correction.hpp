// Bias correction: what an approximation of weights shifts outputs by on average, taken back in the bias.
#pragma once

#include <pare/prune/float_matrix.hpp>

namespace pare {

// b + (W - Q) E[x] for a bias b [rows], weights W and their approximation Q [rows, cols], and the mean of the inputs
// [cols]; summed in double. Throws shape_error where extents do not fit and value_error for numbers that are not
// finite, the result's included. Nagel et al. 2019, arXiv 1906.04721, section 4.2.
template <tensor_like Bias, tensor_like W, tensor_like Q>
Eigen::VectorXf correct_bias(const Bias& bias, const W& weights, const Q& approximation, const Eigen::VectorXd& mean) {
  const auto w = as_matrix(weights);
  const auto q = as_matrix(approximation);
  detail::require<shape_error>(w.rows() == q.rows() && w.cols() == q.cols(), "the weights are ", w.rows(), " x ",
                               w.cols(), ", their approximation ", q.rows(), " x ", q.cols());
  detail::require<shape_error>(mean.size() == w.cols(), "the mean has ", mean.size(), " elements, the weights ",
                               w.cols(), " columns");
  detail::require_finite(as_matrix(mean), "the mean");
  const Eigen::MatrixXd error = detail::float_matrix(w, "weights").template cast<double>() -
                                detail::float_matrix(q, "the approximation").template cast<double>();
  const Eigen::VectorXd corrected =
      detail::float_vector(as_matrix(bias), w.rows(), "the bias").template cast<double>() + error * mean;
  const Eigen::VectorXf result = corrected.cast<float>();
  detail::require_finite(as_matrix(result), "the corrected bias");
  return result;
}

}  // namespace pare

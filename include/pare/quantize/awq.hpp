// AWQ: inputs that are large get finer weights, by scaling them down beforehand.
#pragma once

#include <pare/prune/input_statistics.hpp>
#include <pare/quantize/affine.hpp>
#include <pare/quantize/equalize.hpp>

namespace pare {

// Scales [inputs] for the columns of weights [rows, inputs], whose inputs are to be divided by them (scale_neurons):
// (E|x_j|)^a, with that a of 21 between 0 and 1 for which the outputs suffer least from quantizing. Their largest and
// smallest are each other's inverse; 1 for inputs that are always zero. Lin et al. 2024, arXiv 2306.00978, equations 4
// and 5. Throws shape_error where extents do not fit and what quantize_codes throws. O(rows · inputs^2) for each a.
template <tensor_like W>
Eigen::VectorXf awq_scales(const W& weights, const input_statistics& inputs, const quantize_options& options = {}) {
  const row_major_matrix w = detail::float_matrix(as_matrix(weights), "weights");
  detail::require<shape_error>(w.cols() == inputs.inputs(), "the weights have ", w.cols(), " columns, the inputs are ",
                               inputs.inputs());
  constexpr int steps = 20;
  const Eigen::MatrixXd moment = inputs.second_moment();
  const Eigen::ArrayXd magnitude = inputs.mean_magnitude();
  double least = std::numeric_limits<double>::infinity();
  Eigen::VectorXf best = Eigen::VectorXf::Ones(w.cols());
  for (int step = 0; step <= steps; ++step) {
    Eigen::ArrayXd scales = magnitude.pow(static_cast<double>(step) / steps);
    for (double& scale : scales)
      if (!(scale > 0)) scale = 1;
    scales /= std::sqrt(scales.maxCoeff() * scales.minCoeff());
    const Eigen::VectorXf tried = scales.matrix().cast<float>();
    const row_major_matrix scaled = w * tried.asDiagonal();
    row_major_matrix rounded(w.rows(), w.cols());
    dequantize(quantize_codes(scaled, options), rounded);
    const Eigen::MatrixXd error = ((rounded * tried.cwiseInverse().asDiagonal()) - w).template cast<double>();
    const double cost = (error * moment).cwiseProduct(error).sum();
    if (!(cost < least)) continue;
    least = cost;
    best = tried;
  }
  return best;
}

}  // namespace pare

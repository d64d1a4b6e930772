// The check that an answer is right before it is timed.
#pragma once

#include <limits>

#include <fmt/format.h>

#include <pare/tensor/error.hpp>

#include "product.hpp"

namespace bench {

// Throws value_error naming the worst output unless y is W x but for rounding, x [cols, batch].
//
// In floats, with u = eps / 2, a sum of n products in whatever order is off by at most n u Σ|w x| in first order
// (Higham 2002, Accuracy and Stability of Numerical Algorithms, eq. 3.5). As much again is left for what else is
// rounded, fewer than n times each term: scales and sums of groups, the weights as given here. So c = 1 in
//   |error| <= (c n eps + relative) Σ|w x| + output_step / 2
// where w and x are the weights and inputs as quantized, so that nothing else hides an error. Quantized inputs are off
// by at most half a step, which is another Σ|w| step / 2 against the product by the inputs as they were.
inline void require_close(const std::string& who, const rounding& rounding, const Eigen::MatrixXf& x,
                          const Eigen::MatrixXf& y) {
  const double n = static_cast<double>(x.rows());
  const double relative = n * static_cast<double>(std::numeric_limits<float>::epsilon()) + rounding.relative;
  const dense_matrix& parts = rounding.parts.size() == 0 ? rounding.weights : rounding.parts;
  const Eigen::MatrixXd inputs = rounding.inputs.size() == 0 ? Eigen::MatrixXd(x.cast<double>()) : rounding.inputs;
  const Eigen::ArrayXXd expected = (rounding.weights.cast<double>() * inputs).array();
  const Eigen::ArrayXXd most =
      relative * (parts.cwiseAbs().cast<double>() * inputs.cwiseAbs()).array() + rounding.output_step / 2;
  if (y.rows() != expected.rows() || y.cols() != expected.cols())
    throw pare::shape_error(fmt::format("{}: the answer is {} x {}", who, y.rows(), y.cols()));
  const Eigen::ArrayXXd excess = (y.cast<double>().array() - expected).abs() / most;
  Eigen::Index row = 0, sample = 0;
  const double worst = excess.isNaN().select(std::numeric_limits<double>::infinity(), excess).maxCoeff(&row, &sample);
  if (!(worst <= 1))
    throw pare::value_error(fmt::format("{}: output {} of sample {} is {}, must be {} within {}", who, row, sample,
                                        y(row, sample), expected(row, sample), most(row, sample)));
}

// The job of a product, once its answer has been checked.
inline job checked(const std::string& name, const product& what, const Eigen::MatrixXf& x) {
  if (!what.job.missing.empty()) return what.job;
  what.job.timed.run();
  require_close(what.job.library + ' ' + name, what.rounding, x, what.answer());
  return what.job;
}

}  // namespace bench

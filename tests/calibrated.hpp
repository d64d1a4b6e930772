// What the tests of methods that look at a layer's inputs share.
#pragma once

#include <pare/prune/input_statistics.hpp>
#include <pare/quantize/codes.hpp>

#include "support.hpp"

// Inputs [inputs, samples] that have much in common: a few hidden causes, and noise.
inline Eigen::MatrixXf correlated(Eigen::Index inputs, Eigen::Index samples, std::uint32_t seed) {
  const Eigen::MatrixXf causes = gaussian(std::max<Eigen::Index>(inputs / 4, 1), samples, seed);
  return gaussian(inputs, causes.rows(), seed + 1) * causes + 0.3f * gaussian(inputs, samples, seed + 2);
}

inline pare::input_statistics statistics_of(const Eigen::MatrixXf& x) {
  pare::input_statistics statistics(x.rows());
  statistics.add(x);
  return statistics;
}

// Weights, and what is known of their inputs.
struct calibrated_layer {
  Eigen::MatrixXf w;
  pare::input_statistics inputs;
  Eigen::MatrixXd moment;

  calibrated_layer(pare::index_t rows, pare::index_t cols, std::uint32_t seed)
      : w(gaussian(rows, cols, seed)),
        inputs(statistics_of(correlated(cols, 4 * cols, seed + 1))),
        moment(inputs.second_moment()) {}
};

inline Eigen::MatrixXd values_of(const pare::quantized_codes& q) {
  Eigen::MatrixXd values(q.rows, q.cols);
  pare::dequantize(q, values);
  return values;
}

// The sum over outputs of E ((w - q) x)^2.
inline double output_error(const Eigen::MatrixXd& w, const Eigen::MatrixXd& q, const Eigen::MatrixXd& moment) {
  return ((w - q) * moment * (w - q).transpose()).trace();
}
inline double output_error(const Eigen::MatrixXf& w, const pare::quantized_codes& q, const Eigen::MatrixXd& moment) {
  return output_error(w.cast<double>(), values_of(q), moment);
}

// Coordinate descent: codes changed one at a time for as long as outputs come nearer to what they were.
#pragma once

#include <pare/prune/float_matrix.hpp>
#include <pare/prune/mask.hpp>
#include <pare/prune/second_moment.hpp>
#include <pare/quantize/nearest_code.hpp>

namespace pare {

struct coordinate_descent_options {
  int sweeps = 20;              // over the codes of a row, at most; it ends when one changes nothing
  const mask* kept = nullptr;   // where given: weights that it does not keep stay as they are
  double damping = 0.01;        // of the mean of H's diagonal, added to all of it
  executor* threads = nullptr;  // takes rows side by side; null is the calling thread alone
};

namespace detail {

inline void descend_row(const row_major_matrix& w, quantized_codes& q, index_t row, const Eigen::MatrixXd& moment,
                        const coordinate_descent_options& options) {
  Eigen::VectorXd value(w.cols());
  for (index_t col = 0; col < w.cols(); ++col) value[col] = static_cast<double>(q.value(row, col));
  Eigen::VectorXd slope = moment * (w.row(row).transpose().cast<double>() - value);
  bool changes = true;
  for (int sweep = 0; sweep < options.sweeps && changes; ++sweep) {
    changes = false;
    for (index_t col = 0; col < w.cols(); ++col) {
      const double curvature = moment(col, col);
      if (curvature <= 0 || (options.kept != nullptr && !options.kept->test(row, col))) continue;
      std::uint8_t& code = q.code(row, col);
      const std::uint8_t before = code;
      const code_grid grid(q, row, col);
      code = static_cast<std::uint8_t>(grid.nearest(value[col] + slope[col] / curvature));
      const double step = static_cast<double>(q.value(row, col)) - value[col];
      // What e H eᵀ changes by. Of values that are equally near to the optimum the first one stays.
      if (step * (step * curvature - 2 * slope[col]) >= 0) {
        code = before;
        continue;
      }
      slope -= step * moment.col(col);
      value[col] += step;
      changes = true;
    }
  }
}

}  // namespace detail

// Improves codes of weights [rows, cols] for inputs with the second moment H = E[x xᵀ] [cols, cols], damped: with e = w
// - q, each code in turn becomes the one that makes e H eᵀ least while all others stay, until none changes. The
// parameters of groups stay. The error never grows. Throws shape_error where extents do not fit, value_error for
// numbers that are not finite, for a negative damping and for negative sweeps. O(rows · cols · (cols + changes)) for
// each sweep.
template <tensor_like W>
quantized_codes descend(const W& weights, quantized_codes start, const Eigen::MatrixXd& second_moment,
                        const coordinate_descent_options& options = {}) {
  const auto matrix = as_matrix(weights);
  detail::require_codes_of(start, matrix);
  detail::require_mask_of(options.kept, matrix);
  detail::require_moment(second_moment, matrix.cols());
  detail::require_damping(options.damping);
  detail::require<value_error>(options.sweeps >= 0, "sweeps is ", options.sweeps, ", must not be negative");
  const row_major_matrix w = detail::float_matrix(matrix, "weights");
  const Eigen::MatrixXd moment = detail::damped(second_moment, options.damping);
  detail::for_each_range(options.threads, w.rows(), [&](index_t begin, index_t end) {
    for (index_t row = begin; row < end; ++row) detail::descend_row(w, start, row, moment, options);
  });
  return start;
}

}  // namespace pare

// Optimal brain quantization: weights rounded one after another, the one that costs least next.
#pragma once

#include <pare/prune/float_matrix.hpp>
#include <pare/prune/shrinking_inverse.hpp>
#include <pare/quantize/nearest_code.hpp>

namespace pare {
namespace detail {

inline void round_row_by_surgery(const row_major_matrix& w, quantized_codes& q, index_t row,
                                 const Eigen::MatrixXd& inverse) {
  shrinking_row left({w.data() + row * w.cols(), static_cast<std::size_t>(w.cols())}, inverse);
  const auto grid_of = [&](index_t at) { return code_grid(q, row, left.column(at)); };
  const auto round = [&](index_t at) {
    const index_t col = left.column(at);
    q.code(row, col) = static_cast<std::uint8_t>(grid_of(at).nearest(left.weight(at)));
    return static_cast<double>(q.value(row, col));
  };
  const auto cost = [&](index_t at) {
    const double error = left.weight(at) - round(at);
    return grid_of(at).is_beyond(left.weight(at)) ? -error * error : error * error / left.diagonal(at);
  };
  while (left.size() > 0) {
    const index_t next = least_of(left.size(), cost);
    left.leave_out(next, round(next));
  }
}

}  // namespace detail

// As gptq, but each row has an order of its own: that weight is rounded next by which its output suffers least, except
// that one more than half a step beyond what its group's codes reach is rounded at once. Errors as for gptq, and
// value_error where the second moment is singular with the damping. O(rows · cols^3): for layers of up to a few hundred
// inputs. Frantar, Singh and Alistarh 2022, arXiv 2208.11580, section 5.
template <tensor_like W>
quantized_codes optimal_brain_quantizer(const W& weights, quantized_codes start, const Eigen::MatrixXd& second_moment,
                                        const compensation_options& options = {}) {
  const auto matrix = as_matrix(weights);
  detail::require_codes_of(start, matrix);
  detail::require_moment(second_moment, matrix.cols());
  detail::require_damping(options.damping);
  const row_major_matrix w = detail::float_matrix(matrix, "weights");
  const Eigen::MatrixXd inverse =
      detail::inverse_of_damped(detail::damped(second_moment, options.damping), options.damping);
  detail::for_each_range(options.threads, w.rows(), [&](index_t begin, index_t end) {
    for (index_t row = begin; row < end; ++row) detail::round_row_by_surgery(w, start, row, inverse);
  });
  return start;
}

}  // namespace pare

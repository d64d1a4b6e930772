// Optimal brain quantization: weights rounded one after another, the one that costs least next.
#pragma once

#include <numeric>

#include <pare/prune/surgery.hpp>
#include <pare/quantize/nearest_code.hpp>

namespace pare {

// As gptq, but each row has an order of its own: that weight is rounded next by which its output suffers least, except
// that one more than half a step beyond what its group's codes reach is rounded at once. Errors as for gptq, and
// value_error where the second moment is singular with the damping. O(rows · cols^3): for layers of up to a few hundred
// inputs. Frantar, Singh and Alistarh 2022, arXiv 2208.11580, section 5.
template <tensor_like W>
quantized_codes optimal_brain_quantizer(const W& weights, quantized_codes start, const Eigen::MatrixXd& second_moment,
                                        double damping = 0.01) {
  const auto w = as_matrix(weights);
  detail::require_codes_of(start, w);
  detail::require_moment(second_moment, w.cols());
  detail::require_damping(damping);
  const Eigen::MatrixXd inverse = detail::inverse_moment(second_moment, damping);
  quantized_codes& q = start;
  const auto grid_of = [&](index_t row, index_t col) { return detail::code_grid(q, row, col / q.group_size); };
  const auto round = [&](index_t row, index_t col, double weight) {
    const int code = grid_of(row, col).nearest(weight);
    q.codes[static_cast<std::size_t>(row * q.cols + col)] = static_cast<std::uint8_t>(code);
    return static_cast<double>(q.value(row, col));
  };
  detail::for_each_finite_row<float>(
      w, detail::finite_in_float("weights"), [&](index_t row, std::span<const float> values) {
        Eigen::VectorXd left = Eigen::Map<const Eigen::VectorXf>(values.data(), w.cols()).template cast<double>();
        detail::shrinking_inverse shrinking(inverse);
        std::vector<index_t> open(static_cast<std::size_t>(w.cols()));
        std::iota(open.begin(), open.end(), 0);
        while (!open.empty()) {
          auto best = open.begin();
          double least = std::numeric_limits<double>::infinity();
          for (auto at = open.begin(); at != open.end(); ++at) {
            const double error = left[*at] - round(row, *at, left[*at]);
            const bool at_once = grid_of(row, *at).is_beyond(left[*at]);
            const double loss = at_once ? -error * error : error * error / shrinking.diagonal(*at);
            if (!(loss < least)) continue;
            least = loss;
            best = at;
          }
          const index_t col = *best;
          shrinking.leave_out(col, round(row, col, left[col]) - left[col], left);
          open.erase(best);
        }
      });
  return start;
}

}  // namespace pare

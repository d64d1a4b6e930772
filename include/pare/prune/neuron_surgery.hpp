// neuron_surgery: whole neurons removed between two layers, while the others make up for them.
#pragma once

#include <vector>

#include <pare/prune/input_statistics.hpp>
#include <pare/prune/neurons.hpp>
#include <pare/prune/shrinking_inverse.hpp>

namespace pare {
namespace detail {

// E[(h, 1) (h, 1)ᵀ] [hidden + 1, hidden + 1], damped but for the last row and column: there is always a 1.
inline Eigen::MatrixXd moment_with_one(const input_statistics& hidden, double damping) {
  const index_t n = hidden.inputs();
  Eigen::MatrixXd moment(n + 1, n + 1);
  moment.topLeftCorner(n, n) = damped(hidden.second_moment(), damping);
  moment.row(n).head(n) = hidden.mean();
  moment.col(n).head(n) = hidden.mean();
  moment(n, n) = 1;
  return moment;
}

// Numbers of the neurons to keep, ascending: again and again that one goes by which the outputs weights · (h, 1) suffer
// least when the others, and the bias, make up for it.
inline std::vector<index_t> neurons_to_keep(Eigen::MatrixXd weights, const Eigen::MatrixXd& inverse, index_t keep) {
  shrinking_inverse left(inverse);  // the last one is the constant, which stays
  while (left.size() > keep + 1) {
    const index_t at = least_of(
        left.size() - 1, [&](index_t i) { return weights.col(left.number(i)).squaredNorm() / left.diagonal(i); });
    const std::vector<index_t> numbers = left.numbers();
    const Eigen::VectorXd gone = weights.col(numbers[static_cast<std::size_t>(at)]);
    const Eigen::VectorXd column = left.leave_out(at);
    weights(Eigen::all, numbers) -= gone * (column.transpose() / column[at]);
  }
  return {left.numbers().begin(), left.numbers().end() - 1};
}

}  // namespace detail

// As remove_neurons, by what the layer's neurons h [hidden] do with inputs like those of the statistics: with
// C = E[(h, 1) (h, 1)ᵀ], again and again the neuron of the least |W2[:, j]|^2 / [C^-1]_jj goes and the others make up
// for it (the score of optimal brain surgery for a whole column); then w2 and b2 are fitted to the outputs there were,
// by least squares. Throws shape_error where extents do not fit, and value_error for numbers that are not finite,
// unless 1 <= kept_neurons <= hidden, for no samples, and where C is singular with the damping. O(hidden^3).
template <tensor_like W1, tensor_like B1, tensor_like W2, tensor_like B2>
narrowed_layers neuron_surgery(const W1& w1, const B1& b1, const W2& w2, const B2& b2, kept_neurons target,
                               const input_statistics& hidden, double damping = 1e-3) {
  narrowed_layers whole = detail::whole_layers(w1, b1, w2, b2);
  const index_t n = whole.w1.rows(), outputs = whole.w2.rows();
  detail::require<value_error>(target.value >= 1 && target.value <= n, "kept_neurons is ", target.value,
                               ", must be 1 to ", n);
  detail::require<shape_error>(hidden.inputs() == n, "the statistics are of ", hidden.inputs(), " neurons, w1 has ", n,
                               " rows");
  detail::require<value_error>(hidden.samples() >= 1, "the statistics have seen no samples, at least 1 is needed");
  detail::require_damping(damping);
  const Eigen::MatrixXd moment = detail::moment_with_one(hidden, damping);
  const Eigen::MatrixXd inverse = detail::inverse_of_damped(moment, damping);
  Eigen::MatrixXd weights(outputs, n + 1);
  weights << whole.w2.cast<double>(), whole.b2.cast<double>();
  for (index_t j = 0; j < n; ++j)
    if (hidden.is_dead(j)) weights.col(j).setZero();

  narrowed_layers result;
  result.kept = detail::neurons_to_keep(weights, inverse, target.value);
  std::vector<index_t> stay = result.kept;
  stay.push_back(n);
  const Eigen::LLT<Eigen::MatrixXd> kept_factor(moment(stay, stay));
  const Eigen::MatrixXd fitted = kept_factor.solve(Eigen::MatrixXd(moment(stay, Eigen::all)) * weights.transpose());
  result.w1 = whole.w1(result.kept, Eigen::all);
  result.b1 = whole.b1(result.kept);
  result.w2 = fitted.topRows(target.value).transpose().cast<float>();
  result.b2 = fitted.bottomRows(1).transpose().cast<float>();
  detail::require_finite(as_matrix(result.w2), "the fitted w2");
  detail::require_finite(as_matrix(result.b2), "the fitted b2");
  return result;
}

}  // namespace pare

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

}  // namespace detail

// The order in which the neurons h [hidden] of a layer can be spared by the next one, for inputs like those of the
// statistics: with C = E[(h, 1) (h, 1)ᵀ], again and again the neuron of the least |W2[:, j]|^2 / [C^-1]_jj goes and the
// others, and the bias, make up for it (the score of optimal brain surgery for a whole column).
class neuron_removal_order {
 public:
  // Of w1 [hidden, inputs], b1 [hidden], w2 [outputs, hidden] and b2 [outputs], until `least` neurons are left. Throws
  // shape_error where extents do not fit, and value_error for numbers that are not finite, unless 1 <= least <= hidden,
  // for no samples, and where C is singular with the damping. O(hidden^3).
  template <tensor_like W1, tensor_like B1, tensor_like W2, tensor_like B2>
  neuron_removal_order(const W1& w1, const B1& b1, const W2& w2, const B2& b2, const input_statistics& hidden,
                       double damping = 1e-3, kept_neurons least = {1})
      : whole_(detail::whole_layers(w1, b1, w2, b2)) {
    const index_t n = neurons();
    detail::require<value_error>(least.value >= 1 && least.value <= n, "kept_neurons is ", least.value,
                                 ", must be 1 to ", n);
    detail::require<shape_error>(hidden.inputs() == n, "the statistics are of ", hidden.inputs(), " neurons, w1 has ",
                                 n, " rows");
    detail::require<value_error>(hidden.samples() >= 1, "the statistics have seen no samples, at least 1 is needed");
    detail::require_damping(damping);
    moment_ = detail::moment_with_one(hidden, damping);
    weights_.resize(whole_.w2.rows(), n + 1);
    weights_ << whole_.w2.cast<double>(), whole_.b2.cast<double>();
    for (index_t j = 0; j < n; ++j)
      if (hidden.is_dead(j)) weights_.col(j).setZero();
    remove_all(detail::inverse_of_damped(moment_, damping), least.value);
    const Eigen::MatrixXd w = weights_.leftCols(n),
                          covariance = hidden.second_moment() - hidden.mean() * hidden.mean().transpose();
    variance_ = std::max(0.0, (w * covariance).cwiseProduct(w).sum());
  }

  index_t neurons() const noexcept { return whole_.w1.rows(); }

  // The share of the variance of the outputs that is lost with so many neurons, or a little less with much damping,
  // which counts as an error too: from 0 for all, never falling as they become fewer. Throws value_error unless the
  // order goes as far.
  double loss(kept_neurons kept) const {
    const double squares = losses_[static_cast<std::size_t>(removed(kept))];
    return variance_ > 0 ? squares / variance_ : 0;
  }

  // The fewest neurons, of those that the order goes to, with at most this loss.
  kept_neurons within(double most) const {
    index_t count = std::ssize(removed_);
    while (count > 0 && loss({neurons() - count}) > most) --count;
    return {neurons() - count};
  }

  // The layers with so many neurons: w2 and b2 are fitted to the outputs there were, by least squares. Throws
  // value_error unless the order goes as far, and where the fit is not finite. O(hidden^3).
  narrowed_layers keep(kept_neurons kept) const {
    const index_t n = neurons();
    std::vector<bool> gone(static_cast<std::size_t>(n));
    for (index_t i = 0; i < removed(kept); ++i)
      gone[static_cast<std::size_t>(removed_[static_cast<std::size_t>(i)])] = true;
    narrowed_layers result;
    for (index_t j = 0; j < n; ++j)
      if (!gone[static_cast<std::size_t>(j)]) result.kept.push_back(j);
    std::vector<index_t> stay = result.kept;
    stay.push_back(n);
    const Eigen::LLT<Eigen::MatrixXd> kept_factor(moment_(stay, stay));
    const Eigen::MatrixXd fitted = kept_factor.solve(Eigen::MatrixXd(moment_(stay, Eigen::all)) * weights_.transpose());
    result.w1 = whole_.w1(result.kept, Eigen::all);
    result.b1 = whole_.b1(result.kept);
    result.w2 = fitted.topRows(kept.value).transpose().cast<float>();
    result.b2 = fitted.bottomRows(1).transpose().cast<float>();
    detail::require_finite(as_matrix(result.w2), "the fitted w2");
    detail::require_finite(as_matrix(result.b2), "the fitted b2");
    return result;
  }

 private:
  index_t removed(kept_neurons kept) const {
    detail::require<value_error>(kept.value >= neurons() - std::ssize(removed_) && kept.value <= neurons(),
                                 "kept_neurons is ", kept.value, ", must be ", neurons() - std::ssize(removed_), " to ",
                                 neurons());
    return neurons() - kept.value;
  }

  void remove_all(const Eigen::MatrixXd& inverse, index_t least) {
    Eigen::MatrixXd weights = weights_;
    detail::shrinking_inverse left(inverse);  // the last one is the constant, which stays
    losses_.push_back(0);
    while (left.size() > least + 1) {
      const auto loss = [&](index_t i) { return weights.col(left.number(i)).squaredNorm() / left.diagonal(i); };
      const index_t at = detail::least_of(left.size() - 1, loss);
      losses_.push_back(losses_.back() + loss(at));
      removed_.push_back(left.number(at));
      const std::vector<index_t> numbers = left.numbers();
      const Eigen::VectorXd gone = weights.col(removed_.back());
      const Eigen::VectorXd column = left.leave_out(at);
      weights(Eigen::all, numbers) -= gone * (column.transpose() / column[at]);
    }
  }

  narrowed_layers whole_;
  Eigen::MatrixXd moment_;   // of (h, 1), damped
  Eigen::MatrixXd weights_;  // (w2, b2)
  double variance_ = 0;      // of all outputs together
  std::vector<index_t> removed_;
  std::vector<double> losses_;  // squared error of all outputs with 0, 1, .. neurons removed
};

// As remove_neurons, by what the layer's neurons do with inputs like those of the statistics: in the order of
// neuron_removal_order until so many are left, for which the next layer is fitted. Throws as that does. O(hidden^3).
template <tensor_like W1, tensor_like B1, tensor_like W2, tensor_like B2>
narrowed_layers neuron_surgery(const W1& w1, const B1& b1, const W2& w2, const B2& b2, kept_neurons target,
                               const input_statistics& hidden, double damping = 1e-3) {
  return neuron_removal_order(w1, b1, w2, b2, hidden, damping, target).keep(target);
}

}  // namespace pare

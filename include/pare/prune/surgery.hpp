// Optimal brain surgery: the weights whose loss costs least, one after another, by the exact inverse of what is left.
#pragma once

#include <queue>
#include <vector>

#include <pare/prune/patterns.hpp>
#include <pare/prune/refit.hpp>

namespace pare {
namespace detail {

// H^-1 of the weights that are left while one after another goes.
class shrinking_inverse {
 public:
  explicit shrinking_inverse(const Eigen::MatrixXd& inverse) : inverse_(inverse) {}

  double diagonal(index_t p) const { return inverse_(p, p); }

  // Weight p changes by `change` and is left out from now on: what the others change by is added to `weights`.
  void leave_out(index_t p, double change, Eigen::VectorXd& weights) {
    const Eigen::VectorXd column = inverse_.col(p);
    weights += column * (change / column[p]);
    inverse_.noalias() -= column * (column.transpose() / column[p]);
  }

 private:
  Eigen::MatrixXd inverse_;
};

// The inverse of a second moment, damped. Throws value_error where it is singular.
inline Eigen::MatrixXd inverse_moment(const Eigen::MatrixXd& second_moment, double damping) {
  const Eigen::LLT<Eigen::MatrixXd> factor(damped(second_moment, damping));
  require<value_error>(factor.info() == Eigen::Success, "the second moment is singular with a damping of ", damping);
  return factor.solve(Eigen::MatrixXd::Identity(second_moment.rows(), second_moment.cols()));
}

// The order in which the weights of a row go, and what the squared error of its output grows by with each.
struct removal_trace {
  std::vector<index_t> order;
  std::vector<double> loss;
};

// Weights that are zero, or whose inputs are, go first: they cost nothing.
inline removal_trace trace_removals(std::span<const float> row, const Eigen::VectorXd& energy,
                                    const Eigen::MatrixXd& inverse) {
  const index_t cols = std::ssize(row);
  Eigen::VectorXd weights = Eigen::Map<const Eigen::VectorXf>(row.data(), cols).cast<double>();
  removal_trace trace;
  std::vector<bool> gone(row.size());
  const auto remove = [&](index_t p, double loss) {
    gone[static_cast<std::size_t>(p)] = true;
    trace.order.push_back(p);
    trace.loss.push_back(loss);
  };
  shrinking_inverse left(inverse);
  for (index_t p = 0; p < cols; ++p)
    if (weights[p] == 0 || energy[p] == 0) {
      left.leave_out(p, 0, weights);
      remove(p, 0);
    }
  while (std::ssize(trace.order) < cols) {
    index_t best = -1;
    double least = std::numeric_limits<double>::infinity();
    for (index_t p = 0; p < cols; ++p) {
      if (gone[static_cast<std::size_t>(p)]) continue;
      const double loss = weights[p] * weights[p] / left.diagonal(p);
      if (best >= 0 && !(loss < least)) continue;
      best = p;
      least = loss;
    }
    left.leave_out(best, -weights[best], weights);
    remove(best, least);
  }
  return trace;
}

}  // namespace detail

// Removes this share of weights [rows, cols], exactly: kept_count(size, value) remain. Of all rows, that weight goes
// next which the outputs of inputs with this second moment E[x xᵀ] [cols, cols] lose least by, when the others of its
// row make up for it; then those that remain are refitted. Returns the mask. Hassibi and Stork 1993, "Optimal brain
// surgeon"; Frantar, Singh and Alistarh 2022, arXiv 2208.11580, algorithm 1 with its global step. Errors as for refit,
// and value_error unless 0 <= value <= 1. O(rows · cols^3): for layers of up to a few hundred inputs.
template <mutable_tensor W>
mask optimal_brain_surgeon(W&& w, const Eigen::MatrixXd& second_moment, sparsity pattern, double damping = 0.01) {
  const auto weights = as_matrix(w);
  detail::require_moment(second_moment, weights.cols());
  detail::require_damping(damping);
  const index_t keep = kept_count(weights.size(), pattern.value);
  const Eigen::MatrixXd inverse = detail::inverse_moment(second_moment, damping);
  const Eigen::VectorXd energy = second_moment.diagonal();
  std::vector<detail::removal_trace> traces;
  detail::for_each_finite_row<float>(weights, detail::finite_in_float("weights"),
                                     [&](index_t, std::span<const float> values) {
                                       traces.push_back(detail::trace_removals(values, energy, inverse));
                                     });
  // The next loss of each row, least first; of equals the first row.
  using next_loss = std::pair<double, std::size_t>;
  std::priority_queue<next_loss, std::vector<next_loss>, std::greater<>> next;
  for (std::size_t row = 0; row < traces.size(); ++row)
    if (!traces[row].loss.empty()) next.push({traces[row].loss[0], row});
  std::vector<std::size_t> gone(traces.size());
  mask kept = ~mask(weights.rows(), weights.cols());
  for (index_t left = weights.size(); left > keep; --left) {
    const std::size_t row = next.top().second;
    const detail::removal_trace& trace = traces[row];
    next.pop();
    kept.set(static_cast<index_t>(row), trace.order[gone[row]++], false);
    if (gone[row] < trace.loss.size()) next.push({trace.loss[gone[row]], row});
  }
  refit(w, kept, second_moment, damping);
  return kept;
}

}  // namespace pare

// Optimal brain surgery: the weights whose loss costs least, one after another, by the exact inverse of what is left.
#pragma once

#include <queue>
#include <vector>

#include <pare/prune/patterns.hpp>
#include <pare/prune/refit.hpp>
#include <pare/prune/shrinking_inverse.hpp>

namespace pare {
namespace detail {

// The order in which the weights of a row go, and what the squared error of its output grows by with each.
struct removal_trace {
  std::vector<index_t> order;
  std::vector<double> loss;
};

// Weights that are zero, or whose inputs are, go first: they cost nothing.
inline removal_trace trace_removals(std::span<const float> row, const Eigen::VectorXd& energy,
                                    const Eigen::MatrixXd& inverse) {
  shrinking_row left(row, inverse);
  removal_trace trace;
  const auto remove = [&](index_t at, double loss) {
    trace.order.push_back(left.column(at));
    trace.loss.push_back(loss);
    left.leave_out(at, 0);
  };
  for (index_t at = left.size() - 1; at >= 0; --at)
    if (row[static_cast<std::size_t>(left.column(at))] == 0 || energy[left.column(at)] == 0) remove(at, 0);
  const auto cost = [&](index_t at) { return left.weight(at) * left.weight(at) / left.diagonal(at); };
  while (left.size() > 0) {
    const index_t next = least_of(left.size(), cost);
    remove(next, cost(next));
  }
  return trace;
}

}  // namespace detail

// The order in which weights [rows, cols] go: of all rows, that weight next which the outputs of inputs with this
// second moment E[x xᵀ] [cols, cols] lose least by, when the others of its row make up for it.
class removal_order {
 public:
  // Errors as for optimal_brain_surgeon. O(rows · cols^3): for layers of up to a few hundred inputs.
  template <tensor_like W>
  removal_order(const W& w, const Eigen::MatrixXd& second_moment, const compensation_options& options = {}) {
    const auto weights = as_matrix(w);
    detail::require_moment(second_moment, weights.cols());
    detail::require_damping(options.damping);
    rows_ = weights.rows();
    cols_ = weights.cols();
    const row_major_matrix values = detail::float_matrix(weights, "weights");
    const Eigen::MatrixXd inverse =
        detail::inverse_of_damped(detail::damped(second_moment, options.damping), options.damping);
    const Eigen::VectorXd energy = second_moment.diagonal();
    std::vector<detail::removal_trace> traces(static_cast<std::size_t>(rows_));
    detail::for_each_range(options.threads, rows_, [&](index_t begin, index_t end) {
      for (index_t row = begin; row < end; ++row)
        traces[static_cast<std::size_t>(row)] =
            detail::trace_removals({values.data() + row * cols_, static_cast<std::size_t>(cols_)}, energy, inverse);
    });
    merge(traces);
  }

  // The mask of the kept_count(size, value) weights that go last. Throws value_error unless 0 <= value <= 1.
  mask kept(sparsity pattern) const {
    const index_t keep = kept_count(rows_ * cols_, pattern.value);
    mask result(rows_, cols_);
    for (auto last = order_.end() - keep; last != order_.end(); ++last) result.set(*last / cols_, *last % cols_);
    return result;
  }

 private:
  // The next loss of each row, least first; of equals the first row.
  void merge(const std::vector<detail::removal_trace>& traces) {
    using next_loss = std::pair<double, std::size_t>;
    std::priority_queue<next_loss, std::vector<next_loss>, std::greater<>> next;
    std::vector<std::size_t> gone(traces.size());
    const auto queue = [&](std::size_t row) {
      if (gone[row] < traces[row].loss.size()) next.push({traces[row].loss[gone[row]], row});
    };
    for (std::size_t row = 0; row < traces.size(); ++row) queue(row);
    while (!next.empty()) {
      const std::size_t row = next.top().second;
      next.pop();
      order_.push_back(static_cast<index_t>(row) * cols_ + traces[row].order[gone[row]++]);
      queue(row);
    }
  }

  index_t rows_ = 0, cols_ = 0;
  std::vector<index_t> order_;  // row · cols + column
};

// Removes this share of weights [rows, cols], exactly: kept_count(size, value) remain, those that go last in the order
// above, refitted. Returns the mask. Hassibi and Stork 1993, "Optimal brain surgeon"; Frantar, Singh and Alistarh 2022,
// arXiv 2208.11580, algorithm 1 with its global step. Errors as for refit, and value_error unless 0 <= value <= 1.
// O(rows · cols^3).
template <mutable_tensor W>
mask optimal_brain_surgeon(W&& w, const Eigen::MatrixXd& second_moment, sparsity pattern,
                           const compensation_options& options = {}) {
  const mask kept = removal_order(w, second_moment, options).kept(pattern);
  refit(w, kept, second_moment, options);
  return kept;
}

}  // namespace pare

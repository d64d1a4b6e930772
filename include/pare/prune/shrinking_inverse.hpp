// H^-1 of what is left while one weight, or one neuron, goes after another.
#pragma once

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include <pare/prune/second_moment.hpp>

namespace pare::detail {

// The first i in [0, count) of the least cost(i); 0 if none is below infinity.
template <class Cost>
index_t least_of(index_t count, Cost&& cost) {
  index_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (index_t i = 0; i < count; ++i) {
    const double of_i = cost(i);
    if (!(of_i < least)) continue;
    best = i;
    least = of_i;
  }
  return best;
}

// Positions are those among what is left, in its order at the beginning.
class shrinking_inverse {
 public:
  explicit shrinking_inverse(const Eigen::MatrixXd& inverse)
      : numbers_(static_cast<std::size_t>(inverse.rows())), inverse_(inverse), rest_(inverse.rows()) {
    std::iota(numbers_.begin(), numbers_.end(), 0);
  }

  index_t size() const { return std::ssize(numbers_); }
  // What the row and column at a position were at the beginning.
  index_t number(index_t at) const { return numbers_[static_cast<std::size_t>(at)]; }
  const std::vector<index_t>& numbers() const { return numbers_; }
  double diagonal(index_t at) const { return inverse_.data()[at * size() + at]; }

  // Leaves a position out. Returns its column as it was: if its weight changes by d, those at the other positions make
  // up for it by column · d / column[at].
  Eigen::VectorXd leave_out(index_t at) {
    const index_t n = size();
    const Eigen::VectorXd column = Eigen::Map<const Eigen::VectorXd>(inverse_.data() + at * n, n);
    // What is left moves together, so that the work shrinks with it.
    double* to = inverse_.data();
    for (index_t j = 0; j < n; ++j) {
      if (j == at) continue;
      auto rest = rest_.head(n);
      rest = Eigen::Map<const Eigen::VectorXd>(inverse_.data() + j * n, n) - column * (column[j] / column[at]);
      to = std::copy(rest.begin(), rest.begin() + at, to);
      to = std::copy(rest.begin() + at + 1, rest.end(), to);
    }
    numbers_.erase(numbers_.begin() + at);
    return column;
  }

 private:
  std::vector<index_t> numbers_;
  Eigen::MatrixXd inverse_;  // its first size()^2 elements, column by column
  Eigen::VectorXd rest_;
};

// The weights of a row that are left.
class shrinking_row {
 public:
  // `inverse` is H^-1 of all columns.
  shrinking_row(std::span<const float> weights, const Eigen::MatrixXd& inverse)
      : weights_(Eigen::Map<const Eigen::VectorXf>(weights.data(), std::ssize(weights)).cast<double>()),
        inverse_(inverse) {}

  index_t size() const { return inverse_.size(); }
  index_t column(index_t at) const { return inverse_.number(at); }
  double weight(index_t at) const { return weights_[at]; }
  double diagonal(index_t at) const { return inverse_.diagonal(at); }

  // A weight becomes `value` and is left out from now on; the others make up for it.
  void leave_out(index_t at, double value) {
    const Eigen::VectorXd column = inverse_.leave_out(at);
    weights_ += column * ((value - weights_[at]) / column[at]);
    std::copy(weights_.begin() + at + 1, weights_.end(), weights_.begin() + at);
    weights_.conservativeResize(size());
  }

 private:
  Eigen::VectorXd weights_;
  shrinking_inverse inverse_;
};

}  // namespace pare::detail

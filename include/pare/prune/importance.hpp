// importance: what pruning ranks weights by, their magnitude or scores given by the caller.
#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <pare/prune/select.hpp>
#include <pare/tensor/finite.hpp>

namespace pare {

// A matrix [rows, cols] of finite numbers, larger = more important, read from a tensor that must outlive it.
template <class Compute>
class importance {
 public:
  using compute_type = Compute;
  using key_type = order_key_t<Compute>;
  using row_visitor = std::function<void(index_t row, std::span<const Compute> values)>;

  // for_each_row(visit) calls visit(row, values) for the rows in their order and throws value_error for a number that
  // is not finite; at(row, col) is one number, finite or not.
  importance(index_t rows, index_t cols, std::function<void(const row_visitor&)> for_each_row,
             std::function<Compute(index_t, index_t)> at)
      : rows_(rows), cols_(cols), for_each_row_(std::move(for_each_row)), at_(std::move(at)) {}

  index_t rows() const noexcept { return rows_; }
  index_t cols() const noexcept { return cols_; }
  index_t size() const noexcept { return rows_ * cols_; }

  void for_each_row(const row_visitor& visit) const { for_each_row_(visit); }
  Compute at(index_t row, index_t col) const { return at_(row, col); }

 private:
  index_t rows_;
  index_t cols_;
  std::function<void(const row_visitor&)> for_each_row_;
  std::function<Compute(index_t, index_t)> at_;
};

// Ranks weights by |w|. Making a mask then throws value_error, naming the tensor by `name`, for a weight that is not
// finite.
template <viewable W>
auto by_magnitude(W&& w, std::string_view name = "weights") {
  const auto matrix = as_matrix(w);
  using compute = typename decltype(matrix)::compute_type;
  using ranking = importance<compute>;
  const auto for_each_row = [matrix, name = std::string(name)](const typename ranking::row_visitor& visit) {
    std::vector<compute> magnitudes(static_cast<std::size_t>(matrix.cols()));
    detail::for_each_finite_row<compute>(matrix, {name}, [&](index_t row, std::span<const compute> values) {
      detail::magnitudes_of(values.data(), values.size(), magnitudes.data());
      visit(row, magnitudes);
    });
  };
  return ranking(matrix.rows(), matrix.cols(), for_each_row,
                 [matrix](index_t row, index_t col) { return std::abs(static_cast<compute>(matrix(row, col))); });
}

// Ranks weights by scores of the same shape: by the score itself, not its magnitude. Making a mask then throws
// value_error, naming the tensor by `name`, for a score that is not finite.
template <viewable S>
auto by_score(S&& scores, std::string_view name = "scores") {
  const auto matrix = as_matrix(scores);
  using compute = typename decltype(matrix)::compute_type;
  using ranking = importance<compute>;
  const auto for_each_row = [matrix, name = std::string(name)](const typename ranking::row_visitor& visit) {
    detail::for_each_finite_row<compute>(matrix, {name}, visit);
  };
  return ranking(matrix.rows(), matrix.cols(), for_each_row,
                 [matrix](index_t row, index_t col) { return static_cast<compute>(matrix(row, col)); });
}

}  // namespace pare

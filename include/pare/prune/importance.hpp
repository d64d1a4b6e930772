// importance: what pruning ranks weights by, their magnitude or scores given by the caller.
#pragma once

#include <cmath>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include <pare/prune/select.hpp>
#include <pare/tensor/matrix_view.hpp>

namespace pare {

// A matrix [rows, cols] of finite numbers, larger = more important, read row by row from a tensor that must outlive it.
template <class Compute>
class importance {
 public:
  using compute_type = Compute;
  using key_type = order_key_t<Compute>;

  // read_row(row, out) writes the `cols` numbers of a row.
  importance(index_t rows, index_t cols, std::function<void(index_t, Compute*)> read_row)
      : rows_(rows), cols_(cols), read_row_(std::move(read_row)) {}

  index_t rows() const noexcept { return rows_; }
  index_t cols() const noexcept { return cols_; }
  index_t size() const noexcept { return rows_ * cols_; }

  void read_row(index_t row, Compute* out) const { read_row_(row, out); }

  // Calls visit(row, col, value) in row-major order, by way of one row's buffer.
  template <class Visit>
  void for_each(const Visit& visit) const {
    std::vector<Compute> values(static_cast<std::size_t>(cols_));
    for (index_t row = 0; row < rows_; ++row) {
      read_row_(row, values.data());
      for (index_t col = 0; col < cols_; ++col) visit(row, col, values[static_cast<std::size_t>(col)]);
    }
  }

 private:
  index_t rows_;
  index_t cols_;
  std::function<void(index_t, Compute*)> read_row_;
};

// Ranks weights by |w|. Throws value_error, naming the tensor by `name`, for a weight that is not finite.
template <viewable W>
auto by_magnitude(W&& w, std::string_view name = "weights") {
  const auto matrix = as_matrix(w);
  using compute = typename decltype(matrix)::compute_type;
  detail::require_finite(matrix, name);
  return importance<compute>(matrix.rows(), matrix.cols(), [matrix](index_t row, compute* out) {
    matrix.read_row(row, out);
    for (index_t col = 0; col < matrix.cols(); ++col) out[col] = std::abs(out[col]);
  });
}

// Ranks weights by scores of the same shape: by the score itself, not its magnitude.
// Throws value_error, naming the tensor by `name`, for a score that is not finite.
template <viewable S>
auto by_score(S&& scores, std::string_view name = "scores") {
  const auto matrix = as_matrix(scores);
  using compute = typename decltype(matrix)::compute_type;
  detail::require_finite(matrix, name);
  return importance<compute>(matrix.rows(), matrix.cols(),
                             [matrix](index_t row, compute* out) { matrix.read_row(row, out); });
}

}  // namespace pare

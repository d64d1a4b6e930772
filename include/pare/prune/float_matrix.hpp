// Matrices as floats row by row, and back into tensors of any type.
#pragma once

#include <algorithm>
#include <string_view>

#include <pare/tensor/eigen.hpp>
#include <pare/tensor/finite.hpp>

namespace pare::detail {

// A matrix in float. Throws value_error naming the first element that is not finite there.
template <class T>
row_major_matrix float_matrix(const matrix_view<T>& x, std::string_view what) {
  row_major_matrix result(x.rows(), x.cols());
  for_each_finite_row<float>(x, finite_in_float(what), [&](index_t row, std::span<const float> values) {
    std::copy(values.begin(), values.end(), result.data() + row * x.cols());
  });
  return result;
}

// A vector of `size` in float; a matrix of one row or one column is one too.
template <class T>
Eigen::VectorXf float_vector(const matrix_view<T>& x, index_t size, std::string_view what) {
  require<shape_error>(x.size() == size && std::min(x.rows(), x.cols()) <= 1, what, " is ", x.rows(), " x ", x.cols(),
                       ", must be a vector of ", size);
  return float_matrix(x, what).reshaped();
}

// Overwrites a matrix of the same extents, rounded to its type.
template <class T>
void write_floats(const row_major_matrix& values, const matrix_view<T>& x) {
  x.for_each([&](index_t row, index_t col, T& element) { element = static_cast<T>(values(row, col)); });
}

}  // namespace pare::detail

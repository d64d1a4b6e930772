// matrix_view: the one shape that algorithms work on, whatever tensor came in. Rows are axis 0, columns everything
// else.
#pragma once

#include <algorithm>
#include <array>

#include <pare/tensor/view.hpp>

namespace pare {

// A tensor of rank 1 to 4 seen as a matrix of axis 0 × the rest (a vector is one row). Columns are numbered
// row-major over the remaining axes, so a convolution kernel [out, in, height, width] has in·height·width columns.
// Algorithms read a row into their own buffer, work on it and write it back; strides end here.
template <class T>
class matrix_view {
 public:
  using element_type = T;
  using compute_type = compute_t<T>;

  // A matrix with the given strides, in elements.
  constexpr matrix_view(T* data, index_t rows, index_t cols, index_t row_stride, index_t col_stride)
      : data_(data), rows_(rows), row_stride_(row_stride), inner_{1, 1, cols}, inner_strides_{0, 0, col_stride} {}

  // Axis 0 × the rest. Remaining axes that lie evenly in memory are merged into one.
  template <std::size_t Rank>
  explicit constexpr matrix_view(const tensor_view<T, Rank>& x) : data_(x.data_handle()) {
    if constexpr (Rank == 1) {
      inner_[2] = x.extent(0);
      inner_strides_[2] = x.stride(0);
    } else {
      rows_ = x.extent(0);
      row_stride_ = x.stride(0);
      for (std::size_t axis = 1; axis < Rank; ++axis) push_inner(x.extent(axis), x.stride(axis));
    }
  }

  constexpr operator matrix_view<const T>() const noexcept requires(!std::is_const_v<T>) {
    matrix_view<const T> result(data_, rows_, 0, row_stride_, 0);
    result.inner_ = inner_;
    result.inner_strides_ = inner_strides_;
    return result;
  }

  constexpr index_t rows() const noexcept { return rows_; }
  constexpr index_t cols() const noexcept { return inner_[0] * inner_[1] * inner_[2]; }
  constexpr index_t size() const noexcept { return rows() * cols(); }

  constexpr T& operator()(index_t row, index_t col) const noexcept {
    const index_t last = col % inner_[2];
    const index_t rest = col / inner_[2];
    return data_[row * row_stride_ + (rest / inner_[1]) * inner_strides_[0] + (rest % inner_[1]) * inner_strides_[1] +
                 last * inner_strides_[2]];
  }

  // The row as it lies in memory if its elements are contiguous, else null.
  constexpr T* contiguous_row(index_t row) const noexcept {
    const bool contiguous =
        cols() > 0 && inner_[0] == 1 && inner_[1] == 1 && (inner_strides_[2] == 1 || inner_[2] <= 1);
    return contiguous ? data_ + row * row_stride_ : nullptr;
  }

  // How many rows are read best together: one, or those that share a cache line where the next row is nearer in memory
  // than the next column.
  constexpr index_t rows_at_once() const noexcept {
    const auto distance = [](index_t stride) { return stride < 0 ? -stride : stride; };
    const bool plain = inner_[0] == 1 && inner_[1] == 1;
    return plain && rows_ > 1 && distance(row_stride_) < distance(inner_strides_[2]) ? 16 : 1;
  }

  // Copies a row into out[0, cols), converted.
  template <class Out>
  constexpr void read_row(index_t row, Out* out) const {
    if (const T* in = contiguous_row(row)) {
      if constexpr (std::is_same_v<std::remove_const_t<T>, Out>)
        std::copy_n(in, cols(), out);
      else
        for (index_t i = 0; i < cols(); ++i) out[i] = static_cast<Out>(in[i]);
      return;
    }
    for_each_in_row(row, [&out](const T& value) { *out++ = static_cast<Out>(value); });
  }

  // Copies rows [first, first + count) into out[0, count · cols), converted.
  template <class Out>
  constexpr void read_rows(index_t first, index_t count, Out* out) const {
    if (rows_at_once() == 1) {
      for (index_t row = 0; row < count; ++row) read_row(first + row, out + row * cols());
      return;
    }
    constexpr index_t cols_at_once = 8;  // few enough to stay cached while the rows are read, even a power of two apart
    for (index_t begin = 0; begin < cols(); begin += cols_at_once) {
      const index_t end = std::min(begin + cols_at_once, cols());
      for (index_t row = 0; row < count; ++row) {
        const T* in = data_ + (first + row) * row_stride_;
        for (index_t col = begin; col < end; ++col)
          out[row * cols() + col] = static_cast<Out>(in[col * inner_strides_[2]]);
      }
    }
  }

  // Writes in[0, cols) over a row, rounded to the element type.
  constexpr void write_row(index_t row, const compute_type* in) const requires(!std::is_const_v<T>) {
    for_each_in_row(row, [&in](T& value) { value = static_cast<std::remove_const_t<T>>(*in++); });
  }

  // Calls visit(element) for each element of a row, in column order.
  template <class Visit>
  constexpr void for_each_in_row(index_t row, Visit&& visit) const {
    if (cols() == 0) return;  // there may be no memory to point into
    for (index_t i = 0; i < inner_[0]; ++i)
      for (index_t j = 0; j < inner_[1]; ++j) {
        T* at = data_ + row * row_stride_ + i * inner_strides_[0] + j * inner_strides_[1];
        for (index_t k = 0; k < inner_[2]; ++k) visit(at[k * inner_strides_[2]]);
      }
  }

  // Calls visit(row, col, element) for each element, in an order that walks well through memory.
  template <class Visit>
  constexpr void for_each(Visit&& visit) const {
    const index_t at_once = rows_at_once();
    for (index_t first = 0; first < rows_; first += at_once) {
      if (at_once == 1) {
        index_t col = 0;
        for_each_in_row(first, [&](T& element) { visit(first, col++, element); });
        continue;
      }
      const index_t end = std::min(first + at_once, rows_);
      for (index_t col = 0; col < cols(); ++col)
        for (index_t row = first; row < end; ++row) visit(row, col, data_[row * row_stride_ + col * inner_strides_[2]]);
    }
  }

 private:
  template <class>
  friend class matrix_view;

  // Appends an axis inside the ones already there.
  constexpr void push_inner(index_t extent, index_t stride) {
    const bool first = inner_[0] == 1 && inner_[1] == 1 && inner_[2] == 1;
    if (extent == 1) return;
    if (first || inner_strides_[2] == stride * extent) {
      inner_[2] = first ? extent : inner_[2] * extent;
      inner_strides_[2] = stride;
      return;
    }
    inner_ = {inner_[1], inner_[2], extent};
    inner_strides_ = {inner_strides_[1], inner_strides_[2], stride};
  }

  T* data_;
  index_t rows_ = 1;
  index_t row_stride_ = 0;
  std::array<index_t, 3> inner_{1, 1, 1};
  std::array<index_t, 3> inner_strides_{0, 0, 0};
};

// The matrix_view of any viewable tensor of rank 1 to 4. Throws shape_error for a run-time rank outside 1 to 4.
template <viewable X>
constexpr auto as_matrix(X&& x) {
  using adaptor = detail::adaptor_of<X>;
  using result = matrix_view<detail::element_of<X>>;
  if constexpr (adaptor::rank != dynamic_rank) {
    return result(view(x));
  } else {
    switch (adaptor::runtime_rank(x)) {
      case 1: return result(view<1>(x));
      case 2: return result(view<2>(x));
      case 3: return result(view<3>(x));
      case 4: return result(view<4>(x));
      default: throw shape_error(detail::text("the tensor has rank ", adaptor::runtime_rank(x), ", must be 1 to 4"));
    }
  }
}

// Samples are columns: a tensor [features, batch], or a vector [features] as a batch of one. The result has a row per
// sample, [batch, features]. Throws shape_error for a run-time rank outside 1 to 2.
template <viewable X>
constexpr auto as_samples(X&& x) {
  using adaptor = detail::adaptor_of<X>;
  using result = matrix_view<detail::element_of<X>>;
  static_assert(adaptor::rank <= 2 || adaptor::rank == dynamic_rank, "samples have rank 1 or 2: [features, batch]");
  std::size_t rank = adaptor::rank;
  if constexpr (adaptor::rank == dynamic_rank) {
    rank = adaptor::runtime_rank(x);
    detail::require<shape_error>(rank == 1 || rank == 2, "samples have rank ", rank, ", must be 1 or 2");
  }
  const bool batched = rank == 2;
  return result(adaptor::data(x), batched ? adaptor::extent(x, 1) : 1, adaptor::extent(x, 0),
                batched ? adaptor::stride(x, 1) : 0, adaptor::stride(x, 0));
}

}  // namespace pare

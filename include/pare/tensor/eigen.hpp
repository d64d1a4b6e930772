// Eigen's dense types as tensors: matrices, arrays, vectors, maps, refs, blocks and transposes, of either storage
// order.
#pragma once

#include <Eigen/Core>

#include <pare/tensor/view.hpp>

namespace pare {

// Floats row by row: weights where they are trained or read from files.
using row_major_matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <>
struct is_element<Eigen::half> : std::true_type {};
template <>
struct is_element<Eigen::bfloat16> : std::true_type {};

namespace detail {

// True where the elements live in the object itself, so that a view of a temporary would dangle.
template <class Derived>
inline constexpr bool eigen_owns = std::is_base_of_v<Eigen::PlainObjectBase<Derived>, Derived>;
// A Ref to const may hold a copy of its own.
template <class Plain, int Options, class Stride>
inline constexpr bool eigen_owns<Eigen::Ref<const Plain, Options, Stride>> = true;
// Views of views: only as safe as what they look at (Eigen stores small expressions by value, owners by reference).
template <class Nested, int Rows, int Cols, bool InnerPanel>
inline constexpr bool eigen_owns<Eigen::Block<Nested, Rows, Cols, InnerPanel>> = false;

// Judged by conversion, not by base: a VectorBlock<X> derives from the DenseBase of a Block<X>.
template <class Derived>
void take_dense(const Eigen::DenseBase<Derived>&);

template <class X>
concept eigen_dense = requires(const X& x) {
  take_dense(x);
};

template <class X>
concept eigen_direct_access = eigen_dense<X> &&
                              (static_cast<unsigned>(Eigen::internal::traits<X>::Flags) & Eigen::DirectAccessBit) != 0;

}  // namespace detail

// Compile-time vectors have rank 1, everything else rank 2.
template <class X>
requires detail::eigen_direct_access<X>
struct tensor_adaptor<X> {
  static constexpr std::size_t rank = X::IsVectorAtCompileTime ? 1 : 2;
  static constexpr bool borrowed = !detail::eigen_owns<X>;

  static auto* data(X& x) { return x.data(); }
  static auto* data(const X& x) { return x.data(); }
  static index_t extent(const X& x, std::size_t axis) {
    if constexpr (rank == 1) return x.size();
    return axis == 0 ? x.rows() : x.cols();
  }
  static index_t stride(const X& x, std::size_t axis) {
    if constexpr (rank == 1) return x.innerStride();
    return (axis == 0) == bool(X::IsRowMajor) ? x.outerStride() : x.innerStride();
  }
};

}  // namespace pare

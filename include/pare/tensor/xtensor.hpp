// xtensor's containers, adaptors and strided views as tensors. Opt-in: needs xtensor 0.24 or later.
#pragma once

#if __has_include(<xtensor/containers/xarray.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#include <xtensor/views/xstrided_view.hpp>
#include <xtensor/views/xview.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xstrided_view.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>
#endif

#include <pare/tensor/view.hpp>

namespace pare {
namespace detail {

// True where the elements do not live in the object itself. A view borrows if what it holds is a reference or borrows.
template <class X>
struct xtensor_borrows : std::is_lvalue_reference<X> {};
template <class Pointer, class Allocator>
struct xtensor_borrows<xt::xbuffer_adaptor<Pointer, xt::no_ownership, Allocator>> : std::true_type {};
template <class Buffer, xt::layout_type Layout, class Shape, class Tag>
struct xtensor_borrows<xt::xarray_adaptor<Buffer, Layout, Shape, Tag>> : xtensor_borrows<Buffer> {};
template <class Buffer, std::size_t Rank, xt::layout_type Layout, class Tag>
struct xtensor_borrows<xt::xtensor_adaptor<Buffer, Rank, Layout, Tag>> : xtensor_borrows<Buffer> {};
template <class Nested, class... Slices>
struct xtensor_borrows<xt::xview<Nested, Slices...>> : xtensor_borrows<Nested> {};
template <class Nested, class Shape, xt::layout_type Layout, class Storage>
struct xtensor_borrows<xt::xstrided_view<Nested, Shape, Layout, Storage>> : xtensor_borrows<Nested> {};

// Fixed where the shape is an array of fixed length.
template <class Shape>
inline constexpr std::size_t xtensor_rank = dynamic_rank;
template <class Extent, std::size_t Rank>
inline constexpr std::size_t xtensor_rank<std::array<Extent, Rank>> = Rank;
template <std::size_t... Extents>
inline constexpr std::size_t xtensor_rank<xt::fixed_shape<Extents...>> = sizeof...(Extents);

template <class X>
concept xtensor_strided = xt::is_xexpression<X>::value && requires(X& x) {
  x.data();
  x.data_offset();
  x.strides();
};

}  // namespace detail

// A tensor whose shape is dynamic (xarray) has dynamic_rank: name the rank, as in view<2>(x).
template <class X>
requires detail::xtensor_strided<X>
struct tensor_adaptor<X> {
  static constexpr std::size_t rank = detail::xtensor_rank<typename X::shape_type>;
  static constexpr bool borrowed = detail::xtensor_borrows<X>::value;

  static auto* data(X& x) { return x.data() + x.data_offset(); }
  static auto* data(const X& x) { return x.data() + x.data_offset(); }
  static index_t extent(const X& x, std::size_t axis) { return static_cast<index_t>(x.shape()[axis]); }
  static index_t stride(const X& x, std::size_t axis) { return static_cast<index_t>(x.strides()[axis]); }
  static std::size_t runtime_rank(const X& x) { return x.dimension(); }
};

}  // namespace pare

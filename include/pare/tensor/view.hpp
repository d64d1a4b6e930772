// tensor_view: pointer, extents and strides of somebody else's elements (std::mdspan in miniature), and the door
// through which every kind of tensor becomes one.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

#include <pare/tensor/error.hpp>

namespace pare {

// Extents, strides and positions are signed, in elements; a stride may be negative (a flipped view) or zero.
using index_t = std::ptrdiff_t;

inline constexpr std::size_t max_rank = 4;

// The rank of tensors that know it only at run time.
inline constexpr std::size_t dynamic_rank = static_cast<std::size_t>(-1);

// Element types of weights: float and double here, the 16-bit floats with the adaptor that brings them.
template <class T>
struct is_element : std::false_type {};
template <>
struct is_element<float> : std::true_type {};
template <>
struct is_element<double> : std::true_type {};

template <class T>
concept element = is_element<std::remove_const_t<T>>::value;

// The type in which arithmetic on elements of type T happens: double for double, float for everything narrower.
template <class T>
using compute_t = std::conditional_t<std::is_same_v<std::remove_const_t<T>, double>, double, float>;

// A non-owning view of `Rank` dimensions, with std::mdspan's names. Element (i, j, ...) lies at
// data_handle()[i * stride(0) + j * stride(1) + ...].
template <class T, std::size_t Rank>
class tensor_view {
  static_assert(Rank >= 1 && Rank <= max_rank, "a tensor_view has rank 1 to 4");

 public:
  using element_type = T;
  using value_type = std::remove_cv_t<T>;
  using index_type = index_t;
  using extents_type = std::array<index_t, Rank>;

  // Row-major: the last axis is contiguous.
  constexpr tensor_view(T* data, const extents_type& extents) : data_(data), extents_(extents) {
    index_t stride = 1;
    for (std::size_t axis = Rank; axis-- > 0;) {
      detail::require<shape_error>(extents[axis] >= 0, "extent ", axis, " is ", extents[axis],
                                   ", must not be negative");
      detail::require<shape_error>(extents[axis] == 0 || stride <= std::numeric_limits<index_t>::max() / extents[axis],
                                   "the product of the extents is beyond the index type at axis ", axis);
      strides_[axis] = stride;
      stride *= extents[axis] == 0 ? 1 : extents[axis];
    }
  }

  constexpr tensor_view(T* data, const extents_type& extents, const extents_type& strides)
      : data_(data), extents_(extents), strides_(strides) {
    for (std::size_t axis = 0; axis < Rank; ++axis)
      detail::require<shape_error>(extents[axis] >= 0, "extent ", axis, " is ", extents[axis],
                                   ", must not be negative");
  }

  // A view of elements may be read where a view of constant elements is wanted.
  constexpr operator tensor_view<const T, Rank>() const noexcept requires(!std::is_const_v<T>) {
    return {data_, extents_, strides_};
  }

  static constexpr std::size_t rank() noexcept { return Rank; }
  constexpr T* data_handle() const noexcept { return data_; }
  constexpr const extents_type& extents() const noexcept { return extents_; }
  constexpr const extents_type& strides() const noexcept { return strides_; }
  constexpr index_t extent(std::size_t axis) const noexcept { return extents_[axis]; }
  constexpr index_t stride(std::size_t axis) const noexcept { return strides_[axis]; }

  constexpr index_t size() const noexcept {
    index_t product = 1;
    for (const index_t extent : extents_) product *= extent;
    return product;
  }
  constexpr bool empty() const noexcept { return size() == 0; }

  template <std::convertible_to<index_t>... Index>
  requires(sizeof...(Index) == Rank) constexpr T& operator()(Index... index) const noexcept {
    const extents_type at{static_cast<index_t>(index)...};
    index_t offset = 0;
    for (std::size_t axis = 0; axis < Rank; ++axis) offset += at[axis] * strides_[axis];
    return data_[offset];
  }

 private:
  T* data_;
  extents_type extents_;
  extents_type strides_{};
};

// How a type becomes a tensor_view; specialized per library. A specialization has
//   static constexpr std::size_t rank;         1 to 4, or dynamic_rank
//   static constexpr bool borrowed;            a view of a temporary does not dangle: the type owns no elements
//   static T* data(X&);                        element (0, 0, ...); const if the elements may not be changed
//   static index_t extent(const X&, std::size_t axis);
//   static index_t stride(const X&, std::size_t axis);
//   static std::size_t runtime_rank(const X&); only with dynamic_rank
template <class X>
struct tensor_adaptor;

template <class T, std::size_t Rank>
struct tensor_adaptor<tensor_view<T, Rank>> {
  static constexpr std::size_t rank = Rank;
  static constexpr bool borrowed = true;
  static constexpr T* data(const tensor_view<T, Rank>& x) { return x.data_handle(); }
  static constexpr index_t extent(const tensor_view<T, Rank>& x, std::size_t axis) { return x.extent(axis); }
  static constexpr index_t stride(const tensor_view<T, Rank>& x, std::size_t axis) { return x.stride(axis); }
};

template <class T, std::size_t Extent>
struct tensor_adaptor<std::span<T, Extent>> {
  static constexpr std::size_t rank = 1;
  static constexpr bool borrowed = true;
  static constexpr T* data(const std::span<T, Extent>& x) { return x.data(); }
  static constexpr index_t extent(const std::span<T, Extent>& x, std::size_t) { return static_cast<index_t>(x.size()); }
  static constexpr index_t stride(const std::span<T, Extent>&, std::size_t) { return 1; }
};

namespace detail {

template <class X>
using adaptor_of = tensor_adaptor<std::remove_cvref_t<X>>;

// `const X` for a const lvalue, `X` otherwise, as an lvalue the adaptor can take.
template <class X>
using element_of = std::remove_pointer_t<decltype(adaptor_of<X>::data(std::declval<std::remove_reference_t<X>&>()))>;

}  // namespace detail

// Anything with an adaptor and a supported element type.
template <class X>
concept tensor_like = requires {
  { detail::adaptor_of<X>::rank } -> std::convertible_to<std::size_t>;
  requires element<detail::element_of<X>>;
};

// A tensor that can be viewed for longer than this expression: an lvalue, or a temporary that owns nothing.
template <class X>
concept viewable = tensor_like<X> &&(std::is_lvalue_reference_v<X> || detail::adaptor_of<X>::borrowed);

// A viewable tensor whose elements may be changed.
template <class X>
concept mutable_tensor = viewable<X> && !std::is_const_v<detail::element_of<X>>;

// The tensor_view of a tensor of rank `Rank`, which is deduced where the type knows it. No copy.
// Throws shape_error when a tensor of run-time rank has another one.
template <std::size_t Rank = dynamic_rank, viewable X>
constexpr auto view(X&& x) {
  using adaptor = detail::adaptor_of<X>;
  constexpr std::size_t result_rank = Rank == dynamic_rank ? adaptor::rank : Rank;
  static_assert(result_rank != dynamic_rank, "this tensor knows its rank only at run time: name it, as in view<2>(x)");
  static_assert(adaptor::rank == dynamic_rank || adaptor::rank == result_rank, "this tensor has another rank");
  if constexpr (adaptor::rank == dynamic_rank)
    detail::require<shape_error>(adaptor::runtime_rank(x) == result_rank, "the tensor has rank ",
                                 adaptor::runtime_rank(x), ", wanted ", result_rank);
  std::array<index_t, result_rank> extents{};
  std::array<index_t, result_rank> strides{};
  for (std::size_t axis = 0; axis < result_rank; ++axis) {
    extents[axis] = adaptor::extent(x, axis);
    strides[axis] = adaptor::stride(x, axis);
  }
  return tensor_view<detail::element_of<X>, result_rank>(adaptor::data(x), extents, strides);
}

// A pointer with extents, row-major: view(p, 10, 784).
template <class T, std::convertible_to<index_t>... Extent>
requires(sizeof...(Extent) >= 1 && sizeof...(Extent) <= max_rank) constexpr auto view(T* data, Extent... extents) {
  return tensor_view<T, sizeof...(Extent)>(data, {static_cast<index_t>(extents)...});
}

// A span with extents, row-major: view(s, 10, 784). Throws shape_error unless the extents fill the span.
template <class T, std::size_t Size, std::convertible_to<index_t>... Extent>
requires(sizeof...(Extent) >= 1 && sizeof...(Extent) <= max_rank) constexpr auto view(std::span<T, Size> elements,
                                                                                      Extent... extents) {
  const tensor_view<T, sizeof...(Extent)> result(elements.data(), {static_cast<index_t>(extents)...});
  detail::require<shape_error>(result.size() == static_cast<index_t>(elements.size()), "the extents hold ",
                               result.size(), " elements, the span has ", elements.size());
  return result;
}

}  // namespace pare

// xtensor's containers, adaptors and views as tensors.
#include <pare/kernels/multiply.hpp>
#include <pare/storage/pack.hpp>
#include <pare/tensor/eigen.hpp>
#include <pare/tensor/matrix_view.hpp>
#include <pare/tensor/xtensor.hpp>

#if __has_include(<xtensor/containers/xfixed.hpp>)
#include <xtensor/containers/xfixed.hpp>
#include <xtensor/generators/xbuilder.hpp>
#include <xtensor/misc/xmanipulation.hpp>
#else
#include <xtensor/xbuilder.hpp>
#include <xtensor/xfixed.hpp>
#include <xtensor/xmanipulation.hpp>
#endif

#include "catch.hpp"
#include "support.hpp"

using pare::as_matrix;
using pare::as_samples;
using pare::index_t;
using pare::mutable_tensor;
using pare::shape_error;
using pare::tensor_like;
using pare::view;
using pare::viewable;

namespace {

using matrix = xt::xtensor<float, 2>;
template <class X, class... Slices>
using view_of = decltype(xt::view(std::declval<X>(), std::declval<Slices>()...));

static_assert(!viewable<matrix> && viewable<matrix&> && viewable<const matrix&>);
static_assert(!viewable<view_of<matrix, xt::xall_tag>> && viewable<view_of<matrix&, xt::xall_tag>>);
static_assert(viewable<decltype(xt::transpose(std::declval<matrix&>()))>);
static_assert(mutable_tensor<view_of<matrix&, xt::xall_tag>> && !mutable_tensor<view_of<const matrix&, xt::xall_tag>>);
static_assert(!tensor_like<decltype(std::declval<matrix&>() + std::declval<matrix&>())>);
static_assert(!tensor_like<xt::xtensor<int, 2>>);

// 0, 1, 2, ... in row-major order.
xt::xarray<float> counted(const std::vector<std::size_t>& shape) {
  xt::xarray<float> x = xt::xarray<float>::from_shape(shape);
  float next = 0;
  for (float& value : x) value = next++;
  return x;
}

// Every element of as_matrix(e) for a rank-4 expression, by xtensor's own index.
template <class Expression>
void check_matrix(Expression&& e) {
  const auto m = as_matrix(e);
  const auto extent = [&](std::size_t axis) { return e.shape()[axis]; };
  REQUIRE(m.rows() == static_cast<index_t>(extent(0)));
  REQUIRE(m.size() == static_cast<index_t>(e.size()));
  index_t wrong = 0;
  for (std::size_t row = 0; row < extent(0); ++row) {
    index_t col = 0;
    for (std::size_t i = 0; i < extent(1); ++i)
      for (std::size_t j = 0; j < extent(2); ++j)
        for (std::size_t k = 0; k < extent(3); ++k) wrong += &m(static_cast<index_t>(row), col++) != &e(row, i, j, k);
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("a tensor of fixed rank is viewed with that rank") {
  matrix x({3, 4});
  static_assert(decltype(view(x))::rank() == 2);
  CHECK(&view(x)(2, 3) == &x(2, 3));
  xt::xtensor_fixed<double, xt::xshape<2, 3>> fixed;
  static_assert(decltype(view(fixed))::rank() == 2);
  CHECK(&view(fixed)(1, 2) == &fixed(1, 2));
  xt::xtensor<float, 3, xt::layout_type::column_major> columns({2, 3, 4});
  CHECK(&view(columns)(1, 2, 3) == &columns(1, 2, 3));
  CHECK(view(columns).stride(0) == 1);
}

TEST_CASE("a tensor whose rank is known at run time is viewed with the rank that is asked for, if it has it") {
  auto x = counted({3, 4});
  CHECK(&view<2>(x)(2, 3) == &x(2, 3));
  CHECK_THROWS_AS(view<1>(x), shape_error);
  CHECK_THROWS_AS(view<3>(x), shape_error);
  CHECK(error_message([&] { view<3>(x); }) == "the tensor has rank 2, wanted 3");
}

TEST_CASE("as_matrix takes any rank from 1 to 4 at run time") {
  for (const std::size_t rank : {1u, 2u, 3u, 4u}) {
    auto x = counted(std::vector<std::size_t>(rank, 3));
    const auto m = as_matrix(x);
    CHECK(m.rows() == (rank == 1 ? 1 : 3));
    CHECK(m.size() == static_cast<index_t>(x.size()));
    CHECK(m(m.rows() - 1, m.cols() - 1) == static_cast<float>(x.size() - 1));
  }
  xt::xarray<float> scalar = 5.0f;
  auto five = counted({1, 1, 2, 1, 1});
  CHECK_THROWS_AS(as_matrix(scalar), shape_error);
  CHECK_THROWS_AS(as_matrix(five), shape_error);
  CHECK(error_message([&] { as_matrix(five); }) == "the tensor has rank 5, must be 1 to 4");
}

TEST_CASE("as_samples takes rank 1 and 2 at run time") {
  auto x = counted({3, 4});
  const auto samples = as_samples(x);
  CHECK(samples.rows() == 4);
  CHECK(samples.cols() == 3);
  CHECK(&samples(1, 2) == &x(2, 1));
  auto vector = counted({5});
  CHECK(as_samples(vector).rows() == 1);
  CHECK(as_samples(vector).cols() == 5);
  auto cube = counted({2, 2, 2});
  CHECK_THROWS_AS(as_samples(cube), shape_error);
}

TEST_CASE("views, flips, transposes and strided views have the elements that xtensor gives them") {
  auto x = counted({3, 4, 5, 6});
  xt::xtensor<float, 4> y = x;
  xt::xtensor<float, 4, xt::layout_type::column_major> z = x;
  check_matrix(x);
  check_matrix(y);
  check_matrix(z);
  check_matrix(xt::view(x, xt::all(), xt::range(0, 3), xt::all(), xt::range(1, 6, 2)));
  check_matrix(xt::view(y, xt::range(1, 3), xt::range(0, 4, 3), xt::range(2, 3), xt::all()));
  check_matrix(xt::view(z, xt::range(1, 3), xt::all(), xt::range(0, 5, 2), xt::all()));
  for (const std::size_t axis : {0u, 1u, 2u, 3u}) {
    check_matrix(xt::flip(x, axis));
    check_matrix(xt::flip(y, axis));
  }
  check_matrix(xt::transpose(x));
  check_matrix(xt::transpose(y, std::vector<std::size_t>{2, 0, 3, 1}));
  check_matrix(xt::strided_view(x, {xt::range(0, 2), xt::all(), xt::range(1, 4), xt::all()}));
}

TEST_CASE("a slice with a whole number has one axis less") {
  auto x = counted({3, 4, 5});
  auto slice = xt::view(x, xt::all(), 2, xt::all());
  const auto m = as_matrix(slice);
  CHECK(m.rows() == 3);
  CHECK(m.cols() == 5);
  CHECK(&m(1, 3) == &x(1, 2, 3));
}

TEST_CASE("adapted memory is viewed where it lies") {
  std::vector<double> data(12);
  auto adapted = xt::adapt(data, std::vector<std::size_t>{3, 4});
  CHECK(&view<2>(adapted)(2, 3) == &data[11]);
  double* pointer = data.data();
  auto borrowed = xt::adapt(pointer, 12, xt::no_ownership(), std::array<std::size_t, 2>{3, 4});
  static_assert(viewable<decltype(borrowed)>);
  CHECK(&view(borrowed)(2, 3) == &data[11]);
}

TEST_CASE("writing through a view of a slice changes the tensor it belongs to") {
  auto x = counted({2, 3});
  const float row[2] = {-1, -2};
  as_matrix(xt::view(x, xt::all(), xt::range(0, 3, 2))).write_row(1, row);
  const xt::xarray<float> expected = {{0, 1, 2}, {-1, 4, -2}};
  CHECK(bool(x == expected));
}

TEST_CASE("a constant tensor is viewed as constant elements") {
  const matrix x({3, 4});
  static_assert(std::is_same_v<decltype(view(x))::element_type, const float>);
  CHECK(&view(x)(2, 3) == &x(2, 3));
}

TEST_CASE("xtensor's tensors are multiplied as they are") {
  const pare::packed_matrix w = pare::quantize(gaussian(21, 37, 1));
  const Eigen::MatrixXf x = gaussian(37, 5, 2);
  Eigen::MatrixXf expected(21, 5);
  multiply(w, x, expected);
  xt::xarray<float> x_array = xt::xarray<float>::from_shape({37, 5});
  for (std::size_t i = 0; i < 37; ++i)
    for (std::size_t b = 0; b < 5; ++b) x_array(i, b) = x(static_cast<index_t>(i), static_cast<index_t>(b));
  xt::xtensor<float, 2> y({21, 10});
  multiply(w, x_array, xt::view(y, xt::all(), xt::range(1, 10, 2)));
  index_t wrong = 0;
  for (std::size_t r = 0; r < 21; ++r)
    for (std::size_t b = 0; b < 5; ++b)
      wrong += y(r, 1 + 2 * b) != expected(static_cast<index_t>(r), static_cast<index_t>(b));
  CHECK(wrong == 0);
}

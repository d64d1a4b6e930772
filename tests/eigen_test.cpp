// Eigen's dense types as tensors.
#include <pare/tensor/eigen.hpp>
#include <pare/tensor/matrix_view.hpp>

#include "catch.hpp"

using pare::as_matrix;
using pare::as_samples;
using pare::index_t;
using pare::mutable_tensor;
using pare::tensor_like;
using pare::view;
using pare::viewable;

namespace {

using matrix = Eigen::MatrixXf;

// A tensor that owns its elements may be viewed by name only, one that borrows them always.
static_assert(!viewable<matrix> && viewable<matrix&> && viewable<const matrix&>);
static_assert(viewable<Eigen::Map<matrix>> && viewable<Eigen::Ref<matrix>> && viewable<Eigen::Block<matrix>>);
static_assert(!viewable<Eigen::Ref<const matrix>> && viewable<Eigen::Ref<const matrix>&>);
static_assert(viewable<Eigen::Transpose<matrix>>);

static_assert(mutable_tensor<matrix&> && mutable_tensor<Eigen::Block<matrix>>);
static_assert(!mutable_tensor<const matrix&> && !mutable_tensor<matrix>);
static_assert(!mutable_tensor<Eigen::Map<const matrix>> && !mutable_tensor<Eigen::Map<const matrix>&>);
static_assert(!mutable_tensor<Eigen::Block<const matrix>>);

static_assert(tensor_like<Eigen::ArrayXXd> && tensor_like<Eigen::Matrix<Eigen::half, 3, 3>>);
static_assert(tensor_like<Eigen::Matrix<Eigen::bfloat16, 3, 1>>);
static_assert(!tensor_like<Eigen::MatrixXi> && !tensor_like<Eigen::MatrixXcf> && !tensor_like<int>);
static_assert(!tensor_like<decltype(matrix() + matrix())> && !tensor_like<Eigen::Reverse<matrix, Eigen::Vertical>>);

// The view and the matrix of x have its elements, by address.
template <class X>
void check_addresses(X&& x) {
  const auto v = view(x);
  const auto m = as_matrix(x);
  static_assert(v.rank() == 2);
  REQUIRE(v.extent(0) == x.rows());
  REQUIRE(v.extent(1) == x.cols());
  REQUIRE(m.rows() == x.rows());
  REQUIRE(m.cols() == x.cols());
  index_t wrong = 0;
  for (index_t i = 0; i < x.rows(); ++i)
    for (index_t j = 0; j < x.cols(); ++j) wrong += &v(i, j) != &x.coeffRef(i, j) || &m(i, j) != &x.coeffRef(i, j);
  CHECK(wrong == 0);
}

template <class X>
void check_vector(X&& x) {
  const auto v = view(x);
  static_assert(v.rank() == 1);
  REQUIRE(v.extent(0) == x.size());
  index_t wrong = 0;
  for (index_t i = 0; i < x.size(); ++i) wrong += &v(i) != &x.coeffRef(i);
  CHECK(wrong == 0);
}

}  // namespace

TEMPLATE_TEST_CASE("matrices of either order, arrays and their parts are viewed where they lie", "", float, double,
                   Eigen::half, Eigen::bfloat16) {
  using columns = Eigen::Matrix<TestType, Eigen::Dynamic, Eigen::Dynamic>;
  using rows = Eigen::Matrix<TestType, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  columns a(5, 7);
  rows b(5, 7);
  Eigen::Array<TestType, 5, 7> c;
  check_addresses(a);
  check_addresses(b);
  check_addresses(c);
  check_addresses(a.block(1, 2, 3, 4));
  check_addresses(b.block(1, 2, 3, 4));
  check_addresses(a.transpose());
  check_addresses(b.transpose());
  check_addresses(b.block(1, 2, 3, 4).transpose());
  check_addresses(a.middleCols(2, 3));
  check_addresses(a.array());
  const auto last = a.template bottomRows<2>();
  CHECK(&view(last)(1, 6) == &a(4, 6));
}

TEST_CASE("maps keep their strides, negative ones too") {
  Eigen::VectorXf data(60);
  using strides = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
  Eigen::Map<matrix, 0, strides> thinned(data.data(), 3, 4, strides(13, 2));
  check_addresses(thinned);
  CHECK(&view(thinned)(2, 3) == data.data() + 2 * 2 + 3 * 13);
  Eigen::Map<matrix, 0, strides> flipped(data.data() + 59, 3, 4, strides(-3, -1));
  check_addresses(flipped);
}

TEST_CASE("compile-time vectors have rank 1, whichever way they run") {
  matrix a(5, 7);
  check_vector(a.row(2));
  check_vector(a.col(3));
  check_vector(a.diagonal());
  Eigen::RowVectorXf row(4);
  check_vector(row);
  CHECK(as_matrix(a.col(3)).rows() == 1);
  CHECK(as_matrix(a.col(3)).cols() == 5);
  CHECK(view(matrix(5, 1).col(0)).extent(0) == 5);
}

TEST_CASE("a constant matrix is viewed as constant elements") {
  const matrix a = matrix::Ones(3, 2);
  static_assert(std::is_same_v<decltype(view(a))::element_type, const float>);
  static_assert(std::is_same_v<decltype(as_matrix(a))::element_type, const float>);
  CHECK(&view(a)(2, 1) == &a(2, 1));
}

TEST_CASE("writing through a view of a block changes the matrix it belongs to") {
  matrix a = matrix::Zero(4, 4);
  const float row[2] = {5, 6};
  as_matrix(a.block(1, 2, 2, 2)).write_row(1, row);
  matrix expected = matrix::Zero(4, 4);
  expected.row(2) << 0, 0, 5, 6;
  CHECK(a == expected);
}

TEST_CASE("a column of a column-major matrix is a contiguous sample") {
  matrix a(6, 3);
  const auto samples = as_samples(a);
  CHECK(samples.rows() == 3);
  CHECK(samples.cols() == 6);
  CHECK(samples.contiguous_row(2) == a.col(2).data());
  CHECK(as_samples(a.transpose()).rows() == 6);
  CHECK(as_samples(a.row(1)).rows() == 1);
  CHECK(as_samples(a.row(1)).cols() == 3);
}

TEST_CASE("empty matrices are viewed as empty") {
  matrix a(0, 5), b(5, 0);
  CHECK(view(a).empty());
  CHECK(as_matrix(b).rows() == 5);
  CHECK(as_matrix(b).cols() == 0);
  CHECK(as_samples(a).rows() == 5);
}

// tensor_view and matrix_view: extents, strides, and how axes become rows and columns.
#include <pare/tensor/eigen.hpp>
#include <pare/tensor/matrix_view.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "catch.hpp"
#include "support.hpp"

using pare::as_matrix;
using pare::as_samples;
using pare::index_t;
using pare::matrix_view;
using pare::shape_error;
using pare::tensor_view;
using pare::view;

namespace {

// The addresses of all elements of a rank-4 tensor's row, in the order in which as_matrix promises them.
template <class T>
std::vector<T*> row_addresses(const tensor_view<T, 4>& x, index_t row) {
  std::vector<T*> addresses;
  for (index_t i = 0; i < x.extent(1); ++i)
    for (index_t j = 0; j < x.extent(2); ++j)
      for (index_t k = 0; k < x.extent(3); ++k) addresses.push_back(&x(row, i, j, k));
  return addresses;
}

template <class T>
void check_rows(const matrix_view<T>& m, const tensor_view<T, 4>& x) {
  using compute = typename matrix_view<T>::compute_type;
  REQUIRE(m.rows() == x.extent(0));
  REQUIRE(m.size() == x.size());
  index_t wrong = 0;
  for (index_t row = 0; row < m.rows(); ++row) {
    const std::vector<T*> expected = row_addresses(x, row);
    REQUIRE(m.cols() == static_cast<index_t>(expected.size()));
    std::vector<compute> values(expected.size());
    m.read_row(row, values.data());
    std::vector<T*> visited;
    m.for_each_in_row(row, [&](T& element) { visited.push_back(&element); });
    wrong += visited != expected;
    for (std::size_t c = 0; c < expected.size(); ++c) {
      wrong += &m(row, static_cast<index_t>(c)) != expected[c];
      wrong += values[c] != static_cast<compute>(*expected[c]);
      if (m.contiguous_row(row) != nullptr) wrong += m.contiguous_row(row) + c != expected[c];
    }
  }
  std::vector<compute> at_once(static_cast<std::size_t>(m.size()));
  m.read_rows(0, m.rows(), at_once.data());
  index_t visited = 0;
  m.for_each([&](index_t row, index_t col, T& element) {
    wrong += &element != &m(row, col);
    wrong += at_once[static_cast<std::size_t>(row * m.cols() + col)] != static_cast<compute>(element);
    ++visited;
  });
  CHECK(visited == m.size());
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("a view has the names of std::mdspan") {
  using type = tensor_view<const float, 3>;
  static_assert(std::is_same_v<type::element_type, const float>);
  static_assert(std::is_same_v<type::value_type, float>);
  static_assert(std::is_same_v<type::index_type, index_t>);
  static_assert(type::rank() == 3);
  static_assert(std::is_trivially_copyable_v<type>);
  const std::vector<float> data(24);
  const type x(data.data(), {2, 3, 4});
  CHECK(x.data_handle() == data.data());
  CHECK(x.extents() == type::extents_type{2, 3, 4});
  CHECK(x.strides() == type::extents_type{12, 4, 1});
  CHECK(x.size() == 24);
  CHECK(!x.empty());
}

TEMPLATE_TEST_CASE("a pointer with extents is viewed row-major, rank 1 to 4", "", float, double, Eigen::half,
                   Eigen::bfloat16) {
  std::vector<TestType> data(2 * 3 * 4 * 5);
  CHECK(&view(data.data(), 7)(6) == &data[6]);
  CHECK(&view(data.data(), 2, 3)(1, 2) == &data[5]);
  CHECK(&view(data.data(), 2, 3, 4)(1, 2, 3) == &data[23]);
  CHECK(&view(data.data(), 2, 3, 4, 5)(1, 2, 3, 4) == &data[119]);
  static_assert(std::is_same_v<decltype(view(data.data(), 2, 3)), tensor_view<TestType, 2>>);
  const TestType* constant = data.data();
  static_assert(std::is_same_v<decltype(view(constant, 2, 3)), tensor_view<const TestType, 2>>);
}

TEST_CASE("strides may be negative, zero and anything else") {
  std::vector<float> data(20);
  std::iota(data.begin(), data.end(), 0.0f);
  const tensor_view<float, 2> flipped(data.data() + 19, {4, 5}, {-5, -1});
  CHECK(flipped(0, 0) == 19);
  CHECK(flipped(3, 4) == 0);
  const tensor_view<float, 2> repeated(data.data(), {3, 5}, {0, 1});
  CHECK(&repeated(2, 4) == &data[4]);
  const tensor_view<float, 2> every_other(data.data() + 1, {2, 3}, {10, 2});
  CHECK(every_other(1, 2) == 15);
  every_other(1, 2) = -1;
  CHECK(data[15] == -1);
}

TEST_CASE("a view of elements converts to a view of constant elements") {
  std::vector<double> data(6);
  const tensor_view<double, 2> x = view(data.data(), 2, 3);
  const tensor_view<const double, 2> constant = x;
  CHECK(&constant(1, 2) == &data[5]);
  CHECK(constant.strides() == x.strides());
  const matrix_view<const double> matrix = as_matrix(x);
  CHECK(&matrix(1, 2) == &data[5]);
  static_assert(!std::is_convertible_v<tensor_view<const double, 2>, tensor_view<double, 2>>);
}

TEST_CASE("a view of a view is that view") {
  std::vector<float> data(12);
  const tensor_view<float, 2> x(data.data() + 11, {3, 4}, {-4, -1});
  const auto again = view(x);
  CHECK(again.data_handle() == x.data_handle());
  CHECK(again.strides() == x.strides());
  CHECK(again.extents() == x.extents());
}

TEST_CASE("a span is a vector, and with extents of its size a tensor") {
  std::vector<float> data(12);
  const std::span<float> span(data);
  CHECK(view(span).extent(0) == 12);
  CHECK(&view(span, 3, 4)(2, 3) == &data[11]);
  CHECK(&view(std::span<const float, 12>(data.data(), 12), 2, 3, 2)(1, 2, 1) == &data[11]);
  CHECK(view(std::span<float>(), 0, 4).empty());
  CHECK_THROWS_AS(view(span, 3, 5), shape_error);
  CHECK_THROWS_AS(view(span, 11), shape_error);
  CHECK(error_message([&] { view(span, 3, 5); }) == "the extents hold 15 elements, the span has 12");
}

TEST_CASE("extents that are negative or too many to count are refused") {
  float x = 0;
  const index_t most = std::numeric_limits<index_t>::max();
  CHECK_THROWS_AS(view(&x, -1), shape_error);
  CHECK_THROWS_AS((tensor_view<float, 2>(&x, {2, -3}, {3, 1})), shape_error);
  CHECK_THROWS_AS(view(&x, most, 2), shape_error);
  CHECK_THROWS_AS(view(&x, 1 << 20, 1 << 20, 1 << 20, 1 << 20), shape_error);
  CHECK_THROWS_AS(view(std::span<float>(&x, 1), index_t{1} << 32, index_t{1} << 32), shape_error);
  CHECK(view(&x, most).size() == most);
  CHECK(error_message([&] { view(&x, 2, -3); }) == "extent 1 is -3, must not be negative");
}

TEMPLATE_TEST_CASE("as_matrix numbers columns row-major over the axes behind the first, whatever the strides", "",
                   float, double, Eigen::half, Eigen::bfloat16) {
  std::vector<TestType> data(4 * 5 * 6 * 7);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<TestType>(static_cast<float>(i % 251));
  const std::array<index_t, 4> full = {4, 5, 6, 7};
  const std::array<index_t, 4> strides = {210, 42, 7, 1};
  std::array<std::size_t, 4> order = {0, 1, 2, 3};
  do {
    for (const index_t step : {1, 2}) {
      for (const std::size_t flipped : {0u, 1u, 2u, 3u, 4u}) {
        std::array<index_t, 4> extents, used;
        TestType* first = data.data();
        for (std::size_t axis = 0; axis < 4; ++axis) {
          // Only one axis is thinned out, so that others can still be merged.
          const index_t by = axis == 2 ? step : 1;
          extents[axis] = (full[order[axis]] + by - 1) / by;
          used[axis] = strides[order[axis]] * by;
          if (axis != flipped) continue;
          first += used[axis] * (extents[axis] - 1);
          used[axis] = -used[axis];
        }
        const tensor_view<TestType, 4> x(first, extents, used);
        check_rows(as_matrix(x), x);
      }
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("as_matrix of axes that have one element or none") {
  std::vector<float> data(60);
  std::iota(data.begin(), data.end(), 0.0f);
  for (const index_t a : {0, 1, 3})
    for (const index_t b : {0, 1, 2})
      for (const index_t c : {0, 1, 2})
        for (const index_t d : {0, 1, 5}) {
          const tensor_view<float, 4> x(data.data(), {a, b, c, d});
          check_rows(as_matrix(x), x);
          // Strides of axes without extent are nobody's business.
          const tensor_view<float, 4> odd(data.data(), {a, b, c, d}, {20, b > 1 ? 10 : -77, c > 1 ? 5 : 99, 1});
          check_rows(as_matrix(odd), odd);
        }
}

TEST_CASE("as_matrix of ranks below four") {
  std::vector<float> data(24);
  const auto vector = as_matrix(view(data.data(), 24));
  CHECK(vector.rows() == 1);
  CHECK(vector.cols() == 24);
  CHECK(&vector(0, 23) == &data[23]);
  const auto matrix = as_matrix(view(data.data(), 4, 6));
  CHECK(matrix.rows() == 4);
  CHECK(&matrix(3, 5) == &data[23]);
  const auto cube = as_matrix(view(data.data(), 2, 3, 4));
  CHECK(cube.cols() == 12);
  CHECK(&cube(1, 7) == &data[19]);
  CHECK(cube.contiguous_row(1) == data.data() + 12);
  const auto backwards = as_matrix(tensor_view<float, 1>(data.data() + 23, {24}, {-1}));
  CHECK(&backwards(0, 1) == &data[22]);
  CHECK(backwards.contiguous_row(0) == nullptr);
}

TEST_CASE("rows that are nearer than columns are read many at once") {
  std::vector<float> data(400);
  std::iota(data.begin(), data.end(), 0.0f);
  const auto by_column = as_matrix(tensor_view<float, 2>(data.data(), {20, 7}, {1, 20}));
  CHECK(by_column.rows_at_once() > 1);
  check_rows(by_column, tensor_view<float, 4>(data.data(), {20, 1, 1, 7}, {1, 0, 0, 20}));
  CHECK(as_matrix(tensor_view<float, 2>(data.data() + 399, {20, 7}, {-2, -40})).rows_at_once() > 1);
  CHECK(as_matrix(view(data.data(), 20, 7)).rows_at_once() == 1);
  CHECK(as_matrix(tensor_view<float, 1>(data.data(), {7}, {20})).rows_at_once() == 1);
}

TEMPLATE_TEST_CASE("write_row rounds to the element type and touches nothing else", "", float, double, Eigen::half,
                   Eigen::bfloat16) {
  using compute = pare::compute_t<TestType>;
  std::vector<TestType> data(40, static_cast<TestType>(-7.0f));
  const tensor_view<TestType, 3> x(data.data() + 1, {2, 3, 2}, {20, 6, 3});
  const std::vector<compute> row = {compute(0.1), 1, 2, 3, 4, compute(1000.7)};
  as_matrix(x).write_row(1, row.data());
  std::size_t next = 0, untouched = 0;
  for (index_t i = 0; i < 3; ++i)
    for (index_t j = 0; j < 2; ++j) CHECK(x(1, i, j) == static_cast<TestType>(row[next++]));
  for (const TestType& value : data) untouched += value == static_cast<TestType>(-7.0f);
  CHECK(untouched == 34);
}

TEST_CASE("as_samples makes a row of every column") {
  std::vector<float> data(12);
  const auto samples = as_samples(view(data.data(), 3, 4));
  CHECK(samples.rows() == 4);
  CHECK(samples.cols() == 3);
  CHECK(&samples(1, 2) == &data[9]);
  CHECK(samples.contiguous_row(0) == nullptr);
  const auto columns = as_samples(tensor_view<float, 2>(data.data(), {3, 4}, {1, 3}));
  CHECK(columns.contiguous_row(1) == data.data() + 3);
  const auto one = as_samples(view(data.data(), 12));
  CHECK(one.rows() == 1);
  CHECK(one.cols() == 12);
  CHECK(&one(0, 5) == &data[5]);
}

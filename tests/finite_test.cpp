// Reading rows as finite numbers, against std::isfinite.
#include <pare/tensor/eigen.hpp>
#include <pare/tensor/finite.hpp>

#include <cmath>
#include <limits>
#include <numeric>

#include "catch.hpp"
#include "support.hpp"

using pare::as_matrix;
using pare::index_t;
using pare::tensor_view;
using pare::view;

TEST_CASE("is_finite is false for infinities and NaN alone") {
  using pare::detail::is_finite;
  using floats = std::numeric_limits<float>;
  using doubles = std::numeric_limits<double>;
  for (const float x : {0.0f, -0.0f, floats::denorm_min(), floats::max(), floats::lowest()}) CHECK(is_finite(x));
  for (const double x : {0.0, -0.0, doubles::denorm_min(), doubles::max(), doubles::lowest()}) CHECK(is_finite(x));
  for (const float x : {floats::infinity(), -floats::infinity(), floats::quiet_NaN(), -floats::quiet_NaN()})
    CHECK(!is_finite(x));
  for (const double x : {doubles::infinity(), -doubles::infinity(), doubles::quiet_NaN()}) CHECK(!is_finite(x));
}

TEST_CASE("require_finite names the first element that is not") {
  std::vector<double> data(12, 1);
  const auto m = as_matrix(view(data.data(), 3, 4));
  CHECK_NOTHROW(pare::detail::require_finite(m, "weights"));
  data[6] = std::numeric_limits<double>::infinity();
  data[11] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(pare::detail::require_finite(m, "weights"), pare::value_error);
  CHECK(error_message([&] { pare::detail::require_finite(m, "weights"); }) == "weights[1, 2] is inf, must be finite");
}

TEMPLATE_TEST_CASE("all_finite sees the one that is not, wherever it is", "", float, double) {
  for (const std::size_t size : {0u, 1u, 2u, 63u, 64u, 65u, 200u}) {
    std::vector<TestType> values(size, std::numeric_limits<TestType>::lowest());
    CHECK(pare::detail::all_finite(std::span<const TestType>(values)));
    for (TestType& value : values)
      for (const TestType bad : {std::numeric_limits<TestType>::quiet_NaN(), std::numeric_limits<TestType>::infinity(),
                                 -std::numeric_limits<TestType>::infinity()}) {
        value = bad;
        CHECK(!pare::detail::all_finite(std::span<const TestType>(values)));
        value = TestType(-0.0);
      }
  }
}

TEMPLATE_TEST_CASE("magnitudes are the absolute values", "", float, double) {
  for (const std::size_t size : {0u, 1u, 63u, 64u, 65u, 200u}) {
    std::vector<TestType> values(size), magnitudes(size), expected;
    for (std::size_t i = 0; i < size; ++i) values[i] = i % 3 == 0 ? TestType(-0.0) : TestType(1) - TestType(i);
    for (const TestType value : values) expected.push_back(std::abs(value));
    pare::detail::magnitudes_of(values.data(), size, magnitudes.data());
    CHECK(magnitudes == expected);
    CHECK(std::none_of(magnitudes.begin(), magnitudes.end(), [](TestType value) { return std::signbit(value); }));
  }
}

TEMPLATE_TEST_CASE("finite rows come in order, whatever the layout", "", float, double, Eigen::half) {
  std::vector<TestType> data(2000);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<TestType>(static_cast<float>(i % 251));
  for (const index_t rows : {0, 1, 15, 16, 17, 33})
    for (const auto& strides : {std::array<index_t, 2>{29, 1}, {1, 40}, {58, 2}, {-1, 40}, {0, 1}}) {
      const tensor_view<TestType, 2> x(data.data() + 40, {rows, 29}, strides);
      index_t next = 0, wrong = 0;
      pare::detail::for_each_finite_row<float>(as_matrix(x), {"x"}, [&](index_t row, std::span<const float> values) {
        wrong += row != next++;
        wrong += values.size() != 29;
        for (index_t col = 0; col < 29; ++col)
          wrong += values[static_cast<std::size_t>(col)] != static_cast<float>(x(row, col));
      });
      CHECK(next == rows);
      CHECK(wrong == 0);
    }
}

TEST_CASE("the first element that is not finite is named in row order, whatever the layout") {
  Eigen::MatrixXd w = Eigen::MatrixXd::Zero(40, 5);
  w(18, 4) = 1e300;
  w(19, 0) = std::numeric_limits<double>::infinity();
  const auto read = [&](auto value) {
    pare::detail::for_each_finite_row<decltype(value)>(as_matrix(w), {"w", "must be tame"}, [](index_t, auto) {});
  };
  CHECK(error_message<pare::value_error>([&] { read(1.0); }) == "w[19, 0] is inf, must be tame");
  CHECK(error_message<pare::value_error>([&] { read(1.0f); }) == "w[18, 4] is 1e+300, must be tame");
}

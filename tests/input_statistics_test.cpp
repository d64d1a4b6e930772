// input_statistics against sums over all samples at once.
#include <pare/prune/input_statistics.hpp>
#include <pare/tensor/xtensor.hpp>

#include <xtensor/xarray.hpp>

#include "calibrated.hpp"
#include "catch.hpp"

TEST_CASE("statistics of samples that come in parts are those of all together") {
  const Eigen::MatrixXf x = correlated(19, 700, 1);
  pare::input_statistics statistics(19);
  statistics.add(x.leftCols(1));
  statistics.add(Eigen::VectorXf(x.col(1)));
  statistics.add(x.middleCols(2, 600));
  statistics.add(x.rightCols(98));
  REQUIRE(statistics.samples() == 700);
  const Eigen::MatrixXd all = x.cast<double>();
  // Sums of n numbers, in any order: n roundings of the sum of their magnitudes.
  const double bound = 700 * std::numeric_limits<double>::epsilon();
  const Eigen::MatrixXd magnitudes = all.cwiseAbs() * all.cwiseAbs().transpose() / 700;
  CHECK(((statistics.second_moment() - all * all.transpose() / 700).cwiseAbs().array() <= bound * magnitudes.array())
            .all());
  CHECK((statistics.mean_square() - statistics.second_moment().diagonal()).cwiseAbs().maxCoeff() == 0);
  const Eigen::ArrayXd mean_magnitude = all.cwiseAbs().rowwise().mean();
  CHECK(((statistics.mean() - all.rowwise().mean()).cwiseAbs().array() <= bound * mean_magnitude).all());
  CHECK(((statistics.mean_magnitude().array() - mean_magnitude).abs() <= bound * mean_magnitude).all());
  CHECK(statistics.low() == x.rowwise().minCoeff());
  CHECK(statistics.high() == x.rowwise().maxCoeff());
}

TEST_CASE("inputs that are zero in all samples are dead") {
  Eigen::MatrixXf x = gaussian(5, 20, 2);
  x.row(1).setZero();
  x.row(4).setZero();
  x(4, 7) = 1e-20f;
  const pare::input_statistics statistics = statistics_of(x);
  CHECK(statistics.dead_inputs() == 1);
  CHECK(statistics.is_dead(1));
  CHECK(!statistics.is_dead(4));
}

TEST_CASE("samples may be tensors of other libraries") {
  const xt::xarray<double> x{{1, 2}, {3, 4}, {5, 6}};
  pare::input_statistics statistics(3);
  statistics.add(x);
  CHECK(statistics.samples() == 2);
  CHECK(statistics.second_moment()(2, 0) == (5 * 1 + 6 * 2) / 2.0);
}

TEST_CASE("what is not finite is named, and nothing of its batch is added") {
  pare::input_statistics statistics(3);
  Eigen::MatrixXf x = gaussian(3, 300, 3);
  x(2, 270) = std::numeric_limits<float>::infinity();
  CHECK(error_message<pare::value_error>([&] { statistics.add(x, 1000); }) ==
        "feature 2 of sample 1270 is inf, must be finite in float");
  CHECK(statistics.samples() == 0);
  CHECK(statistics.second_moment() == Eigen::MatrixXd::Zero(3, 3));
  CHECK(error_message<pare::shape_error>([&] { statistics.add(gaussian(4, 2, 4)); }) ==
        "the samples have 4 features, the statistics are of 3");
  CHECK(error_message<pare::value_error>([&] { pare::input_statistics{0}; }) ==
        "input_statistics of 0 inputs, must be at least 1");
}

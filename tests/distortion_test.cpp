// measure_distortion: known cases, higher precision, cancellation.
#include <pare/quantize/distortion.hpp>
#include <pare/tensor/eigen.hpp>

#include <cmath>
#include <limits>

#include "catch.hpp"
#include "support.hpp"

using pare::measure_distortion;

TEST_CASE("the distortion of two small vectors is what paper and pencil give") {
  const Eigen::Vector4d reference(3, 0, 4, 0);
  const Eigen::Vector4d approximation(3, 1, 4, -1);
  const auto d = measure_distortion(reference, approximation);
  CHECK(d.mean_squared_error == 0.5);
  CHECK(d.max_error == 1);
  CHECK(d.sqnr == 10 * std::log10(12.5));
  CHECK(std::fabs(d.cosine - 25 / (5 * std::sqrt(27.0))) <= 0x1p-52);
}

TEST_CASE("equal tensors have no error and an infinite ratio of signal to noise") {
  const Eigen::MatrixXf w = gaussian(5, 7, 1);
  const auto d = measure_distortion(w, w);
  CHECK(d.mean_squared_error == 0);
  CHECK(d.max_error == 0);
  CHECK(d.sqnr == std::numeric_limits<double>::infinity());
  CHECK(std::fabs(d.cosine - 1) <= 0x1p-51);
}

TEST_CASE("tensors that are zero or empty") {
  const Eigen::MatrixXf zero = Eigen::MatrixXf::Zero(2, 3), one = Eigen::MatrixXf::Ones(2, 3), none(0, 3);
  CHECK(measure_distortion(zero, zero).cosine == 1);
  CHECK(measure_distortion(zero, one).cosine == 0);
  CHECK(measure_distortion(one, zero).cosine == 0);
  CHECK(measure_distortion(one, zero).sqnr == 0);
  CHECK(measure_distortion(zero, one).sqnr == -std::numeric_limits<double>::infinity());
  CHECK(measure_distortion(none, none).mean_squared_error == 0);
}

TEST_CASE("a negative multiple points the other way") {
  const Eigen::MatrixXf w = gaussian(4, 9, 2);
  CHECK(std::fabs(measure_distortion(w, Eigen::MatrixXf(-2 * w)).cosine + 1) <= 0x1p-50);
}

// The sums are of squares, so compensation makes them exact but for a few units in the last place.
TEST_CASE("sums agree with those in long double") {
  Eigen::MatrixXd reference = gaussian(40, 50, 3).cast<double>();
  Eigen::MatrixXd approximation = reference + 1e-3 * gaussian(40, 50, 4).cast<double>();
  long double errors = 0, references = 0, approximations = 0, products = 0;
  for (Eigen::Index i = 0; i < reference.size(); ++i) {
    const long double r = reference(i), p = approximation(i);
    errors += (r - p) * (r - p);
    references += r * r;
    approximations += p * p;
    products += r * p;
  }
  const auto d = measure_distortion(reference, approximation);
  const auto close = [](double a, long double b) { return std::fabs(a - double(b)) <= 0x1p-49 * std::fabs(a); };
  CHECK(close(d.mean_squared_error, errors / 2000));
  CHECK(close(d.cosine, products / (std::sqrt(references) * std::sqrt(approximations))));
  CHECK(std::fabs(d.sqnr - double(10 * std::log10(references / errors))) <= 0x1p-45);
  CHECK(d.max_error == (reference - approximation).cwiseAbs().maxCoeff());
}

TEST_CASE("small errors are not lost beside large ones") {
  Eigen::VectorXd reference = Eigen::VectorXd::Constant(4097, 1);
  Eigen::VectorXd approximation = Eigen::VectorXd::Zero(4097);
  reference(0) = 0x1p27;  // whose square is 2^54: adding 1 to it rounds to the same number
  const auto d = measure_distortion(reference, approximation);
  CHECK(d.mean_squared_error == (0x1p54 + 4096) / 4097);
}

TEST_CASE("a compensated sum survives cancellation") {
  pare::detail::compensated_sum sum;
  for (const double value : {1.0, 1e100, 1.0, -1e100}) sum.add(value);
  CHECK(sum.total() == 2);
}

TEST_CASE("element types and layouts may differ, shapes may not") {
  const Eigen::MatrixXf w = gaussian(6, 8, 5);
  const Eigen::Matrix<Eigen::half, -1, -1, Eigen::RowMajor> half = w.cast<Eigen::half>();
  const Eigen::MatrixXf rounded = half.cast<float>();
  CHECK(measure_distortion(w, half).mean_squared_error == measure_distortion(w, rounded).mean_squared_error);
  CHECK(measure_distortion(w, half).mean_squared_error > 0);
  CHECK_THROWS_AS(measure_distortion(w, Eigen::MatrixXf(8, 6)), pare::shape_error);
  CHECK(error_message([&] { measure_distortion(w, Eigen::MatrixXf(8, 6)); }) ==
        "the reference is 6 x 8, the approximation 8 x 6");
}

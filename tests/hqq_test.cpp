// hqq: offsets for many small errors and a few large ones.
#include <pare/quantize/hqq.hpp>

#include <cmath>
#include <random>

#include <pare/tensor/eigen.hpp>

#include "catch.hpp"
#include "support.hpp"

using pare::index_t;
using pare::quantize_options;
using pare::range;
using pare::scheme;

namespace {

pare::row_major_matrix heavy_tailed(index_t rows, index_t cols) {
  std::mt19937 bits(7);
  std::student_t_distribution<float> student(3);
  return pare::row_major_matrix::NullaryExpr(rows, cols, [&] { return student(bits); });
}

Eigen::ArrayXXf errors(const pare::quantized_codes& q, const pare::row_major_matrix& w) {
  pare::row_major_matrix back(w.rows(), w.cols());
  dequantize(q, back);
  return (back - w).array().abs();
}

}  // namespace

TEST_CASE("hqq lowers the sum of the square roots of the errors") {
  const pare::row_major_matrix w = heavy_tailed(16, 512);
  for (const int bits : {2, 3, 4})
    for (const range how : {range::min_max, range::squared_error}) {
      const quantize_options options{.bits = bits, .scheme = scheme::two_level, .group_size = 64, .range = how};
      INFO(bits << " bits, range " << static_cast<int>(how));
      const double plain = errors(pare::quantize_codes(w, options), w).sqrt().cast<double>().sum();
      CHECK(errors(pare::hqq(w, options), w).sqrt().cast<double>().sum() < plain);
    }
}

TEST_CASE("hqq gives up the extremes of a group for all its other weights") {
  // With 4 bits from 0 to 15 the scale is 1. All but the ends are 0.3 above a code.
  pare::row_major_matrix w(1, 64);
  for (index_t i = 0; i < w.cols(); ++i) w(0, i) = 1.3f + static_cast<float>(i % 13);
  w(0, 10) = 0;
  w(0, 20) = 15;
  const quantize_options options{.bits = 4, .group_size = 64, .range = range::min_max};
  const Eigen::ArrayXXf left = errors(pare::hqq(w, options), w);
  for (index_t i = 0; i < w.cols(); ++i) {
    INFO("weight " << i);
    if (i == 10 || i == 20)
      CHECK(left(0, i) > 0.28f);
    else
      CHECK(left(0, i) < 0.02f);
  }
}

TEST_CASE("hqq without iterations is quantize_codes with two_level") {
  const pare::row_major_matrix w = heavy_tailed(5, 100);
  for (const int bits : {1, 3, 8}) {
    quantize_options options{.bits = bits, .group_size = 32, .range = range::min_max};
    const pare::quantized_codes q = pare::hqq(w, options, {.iterations = 0});
    options.scheme = scheme::two_level;
    const pare::quantized_codes plain = pare::quantize_codes(w, options);
    CHECK(q.scheme == scheme::two_level);
    CHECK(q.codes == plain.codes);
    CHECK(q.scale == plain.scale);
    CHECK(q.offset == plain.offset);
    CHECK(q.unit == plain.unit);
    CHECK(q.offset_unit == plain.offset_unit);
  }
}

TEST_CASE("hqq leaves constant groups, groups of zeros and no weights as they are") {
  pare::row_major_matrix w = pare::row_major_matrix::Zero(2, 64);
  w.row(1).setConstant(-2.5f);
  CHECK(errors(pare::hqq(w, {.bits = 2}), w).maxCoeff() == 0);
  CHECK(pare::hqq(pare::row_major_matrix(0, 8)).codes.empty());
}

TEST_CASE("hqq names what is out of range") {
  pare::row_major_matrix w = heavy_tailed(2, 8);
  CHECK(error_message<pare::value_error>([&] { pare::hqq(w, {.bits = 9}); }) == "bits is 9, must be 1 to 8");
  CHECK(error_message<pare::value_error>([&] { pare::hqq(w, {}, {.iterations = -1}); }) ==
        "iterations is -1, must not be negative");
  CHECK(error_message<pare::value_error>([&] { pare::hqq(w, {}, {.sharpness = 0}); }) ==
        "sharpness is 0, must be positive and at most 1e30");
  CHECK(error_message<pare::value_error>([&] { pare::hqq(w, {}, {.growth = 0.5}); }) ==
        "growth is 0.5, must be 1 to 1000");
  w(1, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK(error_message<pare::value_error>([&] { pare::hqq(w); }) == "weights[1, 3] is nan, must be finite in float");
}

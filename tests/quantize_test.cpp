// quantize_codes: rounding, ranges, zero, element types, extremes, errors.
#include <pare/quantize/affine.hpp>
#include <pare/quantize/distortion.hpp>
#include <pare/tensor/eigen.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "support.hpp"

using pare::granularity;
using pare::index_t;
using pare::quantize_codes;
using pare::quantize_options;
using pare::quantized_codes;
using pare::range;
using pare::scheme;
using pare::value_error;

namespace {

constexpr scheme schemes[] = {scheme::symmetric, scheme::asymmetric, scheme::two_level};
constexpr range ranges[] = {range::min_max, range::percentile, range::squared_error};
constexpr double half_ulp = 0x1p-24;  // half a unit in the last place, relative

// The offset that is added to the weights of a group with two_level.
double shift_of(const quantized_codes& q, index_t row, index_t col) {
  if (q.scheme != scheme::two_level) return 0;
  const auto r = static_cast<std::size_t>(row);
  return double{q.offset_unit[r]} * q.offset[static_cast<std::size_t>(row * q.groups() + col / q.group_size)];
}

// Weights that some other code of their group would be closer to. Choosing a code takes three roundings of v - shift
// and one of the shift, q.value() rounds once, and either is counted for the chosen and for the best code.
index_t badly_rounded(const quantized_codes& q, const Eigen::MatrixXf& w) {
  index_t bad = 0;
  for (index_t row = 0; row < q.rows; ++row)
    for (index_t col = 0; col < q.cols; ++col) {
      const double v = double{w(row, col)};
      const double chosen = std::fabs(v - double{q.value(row, col)});
      quantized_codes other = {1, 1, q.bits, q.scheme, 1, {0}, q.levels, {}, {}, {}, {}};
      const auto r = static_cast<std::size_t>(row);
      const auto group = static_cast<std::size_t>(row * q.groups() + col / q.group_size);
      other.unit = {q.unit[r]};
      other.scale = {q.scale[group]};
      if (!q.offset_unit.empty()) other.offset_unit = {q.offset_unit[r]};
      if (!q.offset.empty()) other.offset = {q.offset[group]};
      double best = chosen;
      for (int code = 0; code < 1 << q.bits; ++code) {
        other.codes[0] = static_cast<std::uint8_t>(code);
        best = std::min(best, std::fabs(v - double{other.value(0, 0)}));
      }
      const double shift = std::fabs(shift_of(q, row, col));
      const double tolerance = 2 * half_ulp * (3 * (std::fabs(v) + shift) + shift + std::fabs(v) + chosen);
      bad += !(chosen <= best + tolerance);
    }
  return bad;
}

double norm_of_error(const quantized_codes& q, const Eigen::MatrixXf& w, index_t row, index_t group) {
  double sum = 0;
  for (index_t col = group * q.group_size; col < std::min(q.cols, (group + 1) * q.group_size); ++col)
    sum += std::pow(double{w(row, col)} - double{q.value(row, col)}, 2);
  return std::sqrt(sum);
}

// The most by which rounding a group's parameters to storage can change its weights, as the norm of that change.
double storage_error(const quantized_codes& q, index_t row, index_t group) {
  const auto r = static_cast<std::size_t>(row);
  const auto g = static_cast<std::size_t>(row * q.groups() + group);
  double levels = 0, count = 0;
  for (index_t col = group * q.group_size; col < std::min(q.cols, (group + 1) * q.group_size); ++col, ++count)
    levels += std::pow(q.level(row, col), 2);
  if (q.scheme == scheme::two_level)
    return double{q.unit[r]} / 2 * std::sqrt(levels) + double{q.offset_unit[r]} / 2 * std::sqrt(count);
  const double scale = std::fabs(double{pare::detail::half_value(q.scale[g])});
  return double{q.unit[r]} * std::max(scale * 0x1p-11, 0x1p-25) * std::sqrt(levels);
}

template <class T>
Eigen::Matrix<T, -1, -1> rounded_to(const Eigen::MatrixXf& w) {
  return w.cast<T>();
}

}  // namespace

TEST_CASE("every weight becomes the nearest value that its group can represent") {
  const Eigen::MatrixXf all = gaussian(3, 70, 1);
  for (const index_t cols : {1, 2, 31, 64, 70})
    for (const index_t group_size : {1, 5, 16, 32, 64, 1000})
      for (const auto shared : {granularity::tensor, granularity::row, granularity::group}) {
        if (shared != granularity::group && group_size != 1) continue;
        const Eigen::MatrixXf w = all.leftCols(cols);
        for (int bits = 1; bits <= 8; ++bits)
          for (const scheme s : schemes)
            for (const range r : ranges) {
              if (r == range::squared_error && cols > 31 && bits % 3 != 1) continue;
              const auto q = quantize_codes(w, {bits, s, shared, group_size, r, 90});
              INFO("cols " << cols << " group_size " << group_size << " bits " << bits << " scheme "
                           << static_cast<int>(s) << " range " << static_cast<int>(r) << " granularity "
                           << static_cast<int>(shared));
              CHECK(badly_rounded(q, w) == 0);
            }
      }
}

TEST_CASE("codes have the shape, the groups and the number of bits that were asked for") {
  const Eigen::MatrixXf w = gaussian(3, 70, 2);
  for (const scheme s : schemes)
    for (int bits = 1; bits <= 8; ++bits) {
      const auto q = quantize_codes(w, {.bits = bits, .scheme = s, .group_size = 32, .range = range::min_max});
      CHECK(q.rows == 3);
      CHECK(q.cols == 70);
      CHECK(q.bits == bits);
      CHECK(q.group_size == 32);
      CHECK(q.groups() == 3);
      CHECK(q.codes.size() == 210);
      CHECK(q.unit.size() == 3);
      CHECK(q.scale.size() == 9);
      CHECK(q.offset.size() == (s == scheme::symmetric ? 0 : 9));
      CHECK(q.offset_unit.size() == (s == scheme::two_level ? 3 : 0));
      CHECK(*std::max_element(q.codes.begin(), q.codes.end()) < 1 << bits);
    }
  CHECK(quantize_codes(w, {.granularity = granularity::row}).group_size == 70);
  CHECK(quantize_codes(w, {.granularity = granularity::row}).groups() == 1);
  CHECK(quantize_codes(w, {.group_size = 1000}).group_size == 70);
}

TEST_CASE("with granularity::tensor all rows share one scale") {
  Eigen::MatrixXf w = gaussian(4, 20, 3);
  w.row(2) *= 10;
  for (const scheme s : schemes) {
    const auto q = quantize_codes(w, {.scheme = s, .granularity = granularity::tensor});
    for (std::size_t row = 1; row < 4; ++row) {
      CHECK(q.unit[row] == q.unit[0]);
      CHECK(q.scale[row] == q.scale[0]);
      if (s != scheme::symmetric) CHECK(q.offset[row] == q.offset[0]);
    }
  }
}

// The search minimizes over codes and scale; with the scale rounded to storage by d, |w - (s + d) c| is at most
// |w - s c| + |d c|. Both sides are stored, so either side's rounding counts.
TEST_CASE("a searched range has no larger squared error than the extremes have") {
  for (const index_t group_size : {1, 5, 16, 64, 1000}) {
    Eigen::MatrixXf w = gaussian(4, 70, 4);
    w.row(1) = w.row(1).array().cube();
    w.row(2).array() += 3;
    for (int bits = 1; bits <= 8; ++bits)
      for (const scheme s : schemes) {
        const quantize_options options{.bits = bits, .scheme = s, .group_size = group_size};
        quantize_options extremes = options;
        extremes.range = range::min_max;
        const auto searched = quantize_codes(w, options);
        const auto plain = quantize_codes(w, extremes);
        index_t worse = 0;
        for (index_t row = 0; row < 4; ++row)
          for (index_t group = 0; group < plain.groups(); ++group) {
            const double allowed = storage_error(searched, row, group) + storage_error(plain, row, group) +
                                   8 * half_ulp * double{w.row(row).norm()};
            worse += !(norm_of_error(searched, w, row, group) <= norm_of_error(plain, w, row, group) + allowed);
          }
        INFO("bits " << bits << " scheme " << static_cast<int>(s) << " group_size " << group_size);
        CHECK(worse == 0);
      }
  }
}

TEST_CASE("on normally distributed weights the search with two_level is as good as it should be") {
  const Eigen::MatrixXf w = gaussian(64, 1024, 5);
  const double most[] = {.296, .1445, .0700, .0342, .0171};
  for (int bits = 2; bits <= 6; ++bits) {
    const auto q = quantize_codes(w, {.bits = bits, .scheme = scheme::two_level, .group_size = 32});
    Eigen::MatrixXf approximation(64, 1024);
    dequantize(q, approximation);
    const double relative = double{(w - approximation).norm()} / double{w.norm()};
    INFO(bits << " bits: " << relative);
    CHECK(relative <= most[bits - 2]);
    CHECK(relative >= most[bits - 2] * 0.9);
  }
}

TEST_CASE("zero stays exactly zero unless the scheme has a real offset or a single bit") {
  Eigen::MatrixXf w = gaussian(4, 64, 6);
  for (index_t i = 0; i < w.size(); i += 3) w(i) = i % 2 ? 0.0f : -0.0f;
  w.row(1).array() += 5;
  for (index_t i = 0; i < w.cols(); i += 3) w(1, i) = 0;
  w.row(2) = -w.row(1);
  for (const scheme s : {scheme::symmetric, scheme::asymmetric})
    for (int bits = s == scheme::symmetric ? 2 : 1; bits <= 8; ++bits)
      for (const range r : ranges) {
        const auto q = quantize_codes(w, {.bits = bits, .scheme = s, .group_size = 16, .range = r, .percentile = 80});
        Eigen::MatrixXf approximation(4, 64);
        dequantize(q, approximation);
        CHECK(((w.array() == 0) && (approximation.array() != 0)).count() == 0);
      }
}

TEST_CASE("a single bit keeps the sign, with the mean magnitude as the scale that the search finds") {
  Eigen::MatrixXf w = gaussian(2, 64, 7);
  const auto q = quantize_codes(w, {.bits = 1, .granularity = granularity::row});
  for (index_t row = 0; row < 2; ++row) {
    const double mean = w.row(row).cast<double>().cwiseAbs().mean();
    for (index_t col = 0; col < 64; ++col) {
      CHECK(std::signbit(q.value(row, col)) == std::signbit(w(row, col)));
      CHECK(std::fabs(std::fabs(double{q.value(row, col)}) - mean) <= 2 * half_ulp * mean);
    }
  }
}

TEST_CASE("min_max reaches the largest magnitude, percentile lets what is beyond saturate") {
  Eigen::MatrixXf w = Eigen::MatrixXf::Constant(1, 100, 0.5f);
  w(0, 10) = 7;
  w(0, 20) = -1;
  const quantize_options options{.bits = 4, .granularity = granularity::row, .range = range::min_max};
  CHECK(quantize_codes(w, options).value(0, 10) == 7);
  quantize_options percentile = options;
  percentile.range = range::percentile;
  percentile.percentile = 99;  // 99 of 100 magnitudes are at most 1
  const auto q = quantize_codes(w, percentile);
  CHECK(q.value(0, 10) == 1);
  CHECK(q.value(0, 20) == -1);
  percentile.percentile = 100;
  CHECK(quantize_codes(w, percentile).value(0, 10) == 7);
}

TEMPLATE_TEST_CASE("the element type, the layout and the rank of the weights do not matter", "", float, double,
                   Eigen::half, Eigen::bfloat16) {
  const Eigen::Matrix<TestType, -1, -1> w = gaussian(6, 24, 8).cast<TestType>();
  const Eigen::MatrixXf floats = w.template cast<float>();
  for (const scheme s : schemes) {
    const quantize_options options{.scheme = s, .group_size = 16};
    const auto expected = quantize_codes(floats, options);
    const auto same = [&](const quantized_codes& q) {
      return q.codes == expected.codes && q.unit == expected.unit && q.scale == expected.scale &&
             q.offset == expected.offset && q.offset_unit == expected.offset_unit;
    };
    CHECK(same(quantize_codes(w, options)));
    const Eigen::Matrix<TestType, -1, -1, Eigen::RowMajor> rows = w;
    CHECK(same(quantize_codes(rows, options)));
    Eigen::Matrix<TestType, -1, -1> wide(13, 50);
    Eigen::Map<Eigen::Matrix<TestType, -1, -1>, 0, Eigen::Stride<-1, -1>> strided(wide.data() + 1, 6, 24, {26, 2});
    strided = w;
    CHECK(same(quantize_codes(strided, options)));
    CHECK(same(quantize_codes(pare::view(rows.data(), 6, 4, 6), options)));
    CHECK(same(quantize_codes(pare::view(rows.data(), 6, 2, 3, 4), options)));
  }
}

TEST_CASE("a vector is one row") {
  const Eigen::VectorXf w = gaussian(40, 1, 9);
  const auto q = quantize_codes(w, {.group_size = 16});
  CHECK(q.rows == 1);
  CHECK(q.cols == 40);
  Eigen::VectorXf approximation(40);
  dequantize(q, approximation);
  CHECK(approximation(39) == q.value(0, 39));
  Eigen::VectorXf short_one(39);
  CHECK_THROWS_AS(dequantize(q, short_one), pare::shape_error);
  CHECK(error_message([&] { dequantize(q, short_one); }) == "the output is 1 x 39, the codes are 1 x 40");
}

TEST_CASE("an empty matrix has no codes") {
  for (const scheme s : schemes)
    for (const auto shared : {granularity::tensor, granularity::row, granularity::group}) {
      CHECK(quantize_codes(Eigen::MatrixXf(0, 5), {.scheme = s, .granularity = shared}).codes.empty());
      CHECK(quantize_codes(Eigen::MatrixXf(5, 0), {.scheme = s, .granularity = shared}).unit.size() == 5);
    }
}

TEST_CASE("what is all zero or constant comes back as it was, but for one bit") {
  for (const float value : {0.0f, 1.0f, -3.25f, 1e-20f, -1e20f}) {
    const Eigen::MatrixXf w = Eigen::MatrixXf::Constant(2, 40, value);
    for (int bits = 1; bits <= 8; ++bits)
      for (const scheme s : schemes)
        for (const range r : ranges) {
          const auto q = quantize_codes(w, {.bits = bits, .scheme = s, .granularity = granularity::row, .range = r});
          // At most the rounding of the scale, of a product and, by least squares, of a quotient of sums.
          const double tolerance = 4 * half_ulp * std::fabs(double{value});
          INFO("value " << value << " bits " << bits << " scheme " << static_cast<int>(s) << " range "
                        << static_cast<int>(r));
          for (const index_t col : {0, 39}) CHECK(std::fabs(double{q.value(1, col)} - double{value}) <= tolerance);
        }
  }
}

TEST_CASE("a weight below the smallest normal scale becomes zero") {
  const Eigen::MatrixXf w = Eigen::MatrixXf::Constant(1, 3, std::numeric_limits<float>::denorm_min() * 5);
  for (const scheme s : {scheme::symmetric, scheme::asymmetric})
    for (const range r : ranges) CHECK(quantize_codes(w, {.scheme = s, .range = r}).value(0, 1) == 0);
  CHECK(std::fabs(quantize_codes(w, {.scheme = scheme::two_level}).value(0, 1)) <= std::numeric_limits<float>::min());
}

TEST_CASE("weights of any magnitude give finite values, rounded as promised") {
  const float most = std::numeric_limits<float>::max();
  const float least = std::numeric_limits<float>::denorm_min();
  Eigen::MatrixXf w(6, 48);
  const Eigen::MatrixXf noise = gaussian(6, 48, 10);
  w.row(0) = noise.row(0).cwiseMax(-1).cwiseMin(1) * (most / 2);
  w.row(1) = noise.row(1) * 1e-42f;
  w.row(2) = noise.row(2);
  w.row(3) = noise.row(3) * 1e30f;
  w.row(3).tail(24) *= 1e-30f;
  w.row(4).setConstant(least);
  w.row(4)(7) = most / 2;
  w.row(5).setZero();
  w.row(5)(0) = 1;
  for (int bits = 1; bits <= 8; ++bits)
    for (const scheme s : schemes)
      for (const range r : ranges)
        for (const auto shared : {granularity::tensor, granularity::row, granularity::group}) {
          const auto q = quantize_codes(w, {bits, s, shared, 16, r, 95});
          INFO("bits " << bits << " scheme " << static_cast<int>(s) << " range " << static_cast<int>(r));
          index_t infinite = 0;
          for (index_t i = 0; i < w.size(); ++i) infinite += !pare::detail::is_finite(q.value(i / 48, i % 48));
          CHECK(infinite == 0);
          CHECK(badly_rounded(q, w) == 0);
        }
}

TEST_CASE("options out of range are refused by name") {
  const Eigen::MatrixXf w = Eigen::MatrixXf::Ones(2, 2);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const int bits : {-1, 0, 9, 32}) CHECK_THROWS_AS(quantize_codes(w, {.bits = bits}), value_error);
  for (const index_t size : {-32, 0}) CHECK_THROWS_AS(quantize_codes(w, {.group_size = size}), value_error);
  CHECK_NOTHROW(quantize_codes(w, {.granularity = granularity::row, .group_size = 0}));
  for (const double percentile : {-1.0, 0.0, 100.5, 101.0, nan}) {
    CHECK_THROWS_AS(quantize_codes(w, {.range = range::percentile, .percentile = percentile}), value_error);
  }
  CHECK(error_message([&] { quantize_codes(w, {.bits = 9}); }) == "bits is 9, must be 1 to 8");
  CHECK(error_message([&] { quantize_codes(w, {.group_size = 0}); }) == "group_size is 0, must be at least 1");
  CHECK(error_message([&] { quantize_codes(w, {.percentile = 101}); }) == "percentile is 101, must be in (0, 100]");
}

TEST_CASE("weights that are not finite in float are refused with the index of the first") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {infinity, -infinity, std::numeric_limits<double>::quiet_NaN(), 1e39, -1e300})
    for (const auto shared : {granularity::tensor, granularity::row, granularity::group}) {
      Eigen::MatrixXd w = Eigen::MatrixXd::Ones(3, 5);
      w(1, 2) = w(2, 0) = bad;
      const auto message = error_message<value_error>([&] { quantize_codes(w, {.granularity = shared}); });
      CHECK(message.find("weights[1, 2] is ") == 0);
    }
  Eigen::MatrixXf w = Eigen::MatrixXf::Ones(3, 5);
  w(2, 4) = std::numeric_limits<float>::infinity();
  CHECK(error_message<value_error>([&] { quantize_codes(w); }) == "weights[2, 4] is inf, must be finite in float");
}

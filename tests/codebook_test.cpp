// Codebooks: NormalFloat, fitting by k-means, quantizing to the nearest level.
#include <pare/quantize/codebook.hpp>
#include <pare/quantize/distortion.hpp>
#include <pare/tensor/eigen.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "support.hpp"

using pare::codebook;
using pare::fit_codebook;
using pare::granularity;
using pare::index_t;
using pare::quantize_codes;
using pare::quantize_options;
using pare::quantized_codes;
using pare::range;
using pare::value_error;

namespace {

double squared_error(const quantized_codes& q, const Eigen::MatrixXf& w) {
  Eigen::MatrixXf approximation(w.rows(), w.cols());
  dequantize(q, approximation);
  return pare::measure_distortion(w, approximation).mean_squared_error;
}

}  // namespace

TEST_CASE("nf4 has the published values, in units of 1/127") {
  // Dettmers 2023, arXiv 2305.14314, appendix E.
  const double published[] = {-1.0,
                              -0.6961928009986877,
                              -0.5250730514526367,
                              -0.39491748809814453,
                              -0.28444138169288635,
                              -0.18477343022823334,
                              -0.09105003625154495,
                              0.0,
                              0.07958029955625534,
                              0.16093020141124725,
                              0.24611230194568634,
                              0.33791524171829224,
                              0.44070982933044434,
                              0.5626170039176941,
                              0.7229568362236023,
                              1.0};
  const codebook book = pare::nf4();
  REQUIRE(book.levels.size() == 16);
  for (std::size_t i = 0; i < 16; ++i) CHECK(book.levels[i] == std::lround(published[i] * 127));
}

TEST_CASE("every weight becomes the nearest level of its group") {
  const Eigen::MatrixXf w = gaussian(5, 67, 1);
  const codebook books[] = {pare::nf4(), {{-127, 127}}, {{-100, 0, 3}}, {{-5, -5, 20, 127, 127}}, fit_codebook(w)};
  for (const codebook& book : books)
    for (const index_t group_size : {1, 5, 32, 1000})
      for (const range r : {range::min_max, range::percentile, range::squared_error}) {
        const auto q = quantize_codes(w, book, {.group_size = group_size, .range = r, .percentile = 90});
        index_t bad = 0;
        for (index_t row = 0; row < 5; ++row)
          for (index_t col = 0; col < 67; ++col) {
            const auto group = static_cast<std::size_t>(row * q.groups() + col / q.group_size);
            const double scale =
                double{q.unit[static_cast<std::size_t>(row)]} * double{pare::detail::half_value(q.scale[group])};
            const double v = double{w(row, col)};
            const double chosen = std::fabs(v - double{q.value(row, col)});
            double best = chosen;
            for (const int level : book.levels) best = std::min(best, std::fabs(v - scale * level));
            // The weight is divided with two roundings, the value rounded once.
            bad += !(chosen <= best + 0x1p-24 * (4 * std::fabs(v) + std::fabs(double{q.value(row, col)})));
          }
        CHECK(bad == 0);
      }
}

TEST_CASE("the table of levels finds what a search among their midpoints finds") {
  std::vector<codebook> books = {pare::nf4(), {{-127, 127}}, {{-5, -5, 20, 127, 127}}, {{0, 0}}, {{-127, -127, 3, 4}}};
  codebook all;
  for (int level = -127; level <= 127; ++level) all.levels.push_back(static_cast<std::int8_t>(level));
  books.push_back(all);
  std::vector<float> numbers = {0.0f, -0.0f, 1e-45f, -1e-45f, 1e30f, -1e30f, HUGE_VALF, -HUGE_VALF};
  for (int quarter = -600; quarter <= 600; ++quarter)
    for (const float direction : {-HUGE_VALF, HUGE_VALF}) {
      numbers.push_back(static_cast<float>(quarter) / 4);
      numbers.push_back(std::nextafter(numbers.back(), direction));
    }
  for (const codebook& book : books) {
    std::vector<float> midpoints;
    for (std::size_t i = 1; i < book.levels.size(); ++i)
      midpoints.push_back(static_cast<float>(book.levels[i - 1] + book.levels[i]) / 2);
    const pare::detail::nearest_level nearest(book);
    index_t wrong = 0;
    for (const float x : numbers) {
      const auto code = std::lower_bound(midpoints.begin(), midpoints.end(), x) - midpoints.begin();
      wrong += nearest.code(nearest.place(x)) != code;
      wrong += nearest.value(nearest.place(x)) != static_cast<float>(book.levels[static_cast<std::size_t>(code)]);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("a codebook has as many bits as its levels need") {
  const Eigen::MatrixXf w = gaussian(2, 16, 2);
  for (const auto& [size, bits] : {std::pair{2, 1}, {3, 2}, {4, 2}, {5, 3}, {16, 4}, {17, 5}, {255, 8}}) {
    codebook book;
    for (int i = 0; i < size; ++i) book.levels.push_back(static_cast<std::int8_t>(i - size / 2));
    const auto q = quantize_codes(w, book, {.bits = 7});
    CHECK(q.bits == bits);
    CHECK(q.levels.size() == std::size_t{1} << bits);
    CHECK(*std::max_element(q.codes.begin(), q.codes.end()) < size);
  }
}

TEST_CASE("fitted levels ascend and number 2^bits") {
  const Eigen::MatrixXf w = gaussian(16, 64, 3);
  for (int bits = 1; bits <= 8; ++bits)
    for (const auto shared : {granularity::tensor, granularity::row, granularity::group}) {
      const codebook book = fit_codebook(w, {.bits = bits, .granularity = shared});
      CHECK(book.levels.size() == std::size_t{1} << bits);
      CHECK(std::is_sorted(book.levels.begin(), book.levels.end()));
      CHECK(book.levels.front() >= -127);
    }
}

TEST_CASE("a fitted codebook is better on normally distributed weights than evenly spaced levels are") {
  const Eigen::MatrixXf w = gaussian(64, 256, 4);
  for (int bits = 2; bits <= 5; ++bits) {
    const quantize_options options{.bits = bits, .range = range::min_max};
    const double fitted = squared_error(quantize_codes(w, fit_codebook(w, options), options), w);
    CHECK(fitted < squared_error(quantize_codes(w, options), w));
  }
  const quantize_options searched{.bits = 4};
  CHECK(squared_error(quantize_codes(w, fit_codebook(w, searched), searched), w) <=
        squared_error(quantize_codes(w, pare::nf4(), searched), w));
}

TEST_CASE("weights that take only 2^bits values on the grid of levels are recovered exactly") {
  for (const int bits : {1, 2, 3, 4}) {
    const int count = 1 << bits;
    std::vector<std::int8_t> levels;
    for (int i = 0; i < count; ++i) levels.push_back(static_cast<std::int8_t>(-127 + i * i * 254 / (count * count)));
    // Row r is 2^r times the levels in some order, each twice.
    Eigen::MatrixXf w(4, 2 * count);
    for (index_t row = 0; row < 4; ++row)
      for (index_t col = 0; col < 2 * count; ++col)
        w(row, col) =
            std::ldexp(static_cast<float>(levels[static_cast<std::size_t>((3 * col + row) % count)]), int(row));
    const quantize_options options{.bits = bits, .granularity = granularity::row, .range = range::min_max};
    const codebook book = fit_codebook(w, options);
    CHECK(book.levels == levels);
    Eigen::MatrixXf recovered(4, 2 * count);
    dequantize(quantize_codes(w, book, options), recovered);
    CHECK(recovered == w);
  }
}

TEST_CASE("importance draws levels to the weights that matter") {
  // Two crowds, of which only one matters.
  Eigen::MatrixXf w = gaussian(8, 128, 5) * 0.05f;
  Eigen::MatrixXf importance = Eigen::MatrixXf::Zero(8, 128);
  for (index_t i = 0; i < w.size(); ++i) {
    w(i) += i % 2 ? 0.8f : -0.8f;
    importance(i) = i % 2 ? 1.0f : 0.0f;
  }
  const quantize_options options{.bits = 3, .granularity = granularity::tensor, .range = range::min_max};
  const auto error_where = [&](const codebook& book, int parity) {
    const auto q = quantize_codes(w, book, options);
    double sum = 0;
    for (index_t col = 0; col < 128; ++col)
      for (index_t row = 0; row < 8; ++row)
        if ((row + 8 * col) % 2 == parity) sum += std::pow(double{w(row, col)} - double{q.value(row, col)}, 2);
    return sum;
  };
  const codebook plain = fit_codebook(w, options);
  const codebook weighted = fit_codebook(w, options, importance);
  CHECK(error_where(weighted, 1) <= error_where(plain, 1));
  CHECK(plain.levels != weighted.levels);
  const Eigen::MatrixXf equal = Eigen::MatrixXf::Constant(8, 128, 2.0f);
  CHECK(fit_codebook(w, options, equal).levels == plain.levels);
}

TEST_CASE("importance of another shape, negative or not finite is refused") {
  const Eigen::MatrixXf w = gaussian(3, 8, 6);
  Eigen::MatrixXf importance = Eigen::MatrixXf::Ones(3, 8);
  CHECK_THROWS_AS(fit_codebook(w, {}, Eigen::MatrixXf(8, 3)), pare::shape_error);
  CHECK(error_message([&] { fit_codebook(w, {}, Eigen::MatrixXf(8, 3)); }) ==
        "importance is 8 x 3, the weights are 3 x 8");
  importance(1, 2) = -1;
  CHECK(error_message<value_error>([&] { fit_codebook(w, {}, importance); }) ==
        "importance[1, 2] is -1, must not be negative");
  importance(1, 2) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(fit_codebook(w, {}, importance), value_error);
}

TEST_CASE("a codebook must ascend, within -127 to 127, with 2 to 256 levels") {
  const Eigen::MatrixXf w = gaussian(2, 8, 7);
  CHECK_THROWS_AS(quantize_codes(w, codebook{{}}), value_error);
  CHECK_THROWS_AS(quantize_codes(w, codebook{{5}}), value_error);
  CHECK_THROWS_AS(quantize_codes(w, codebook{std::vector<std::int8_t>(257, 1)}), value_error);
  CHECK_THROWS_AS(quantize_codes(w, codebook{{-128, 0}}), value_error);
  CHECK_THROWS_AS(quantize_codes(w, codebook{{0, 5, 4}}), value_error);
  CHECK(error_message([&] {
          quantize_codes(w, codebook{{0, 5, 4}});
        }) == "codebook level 2 is 4, below the one before it");
}

TEST_CASE("weights that are not finite are refused, by a fit too") {
  Eigen::MatrixXf w = gaussian(2, 8, 8);
  w(1, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK(error_message<value_error>([&] { fit_codebook(w); }).find("weights[1, 3] is ") == 0);
  CHECK(error_message<value_error>([&] { quantize_codes(w, pare::nf4()); }).find("weights[1, 3] is ") == 0);
  CHECK_THROWS_AS(fit_codebook(gaussian(2, 8, 8), {.bits = 0}), value_error);
}

TEST_CASE("zero weights and empty matrices have a codebook and codes") {
  const Eigen::MatrixXf zero = Eigen::MatrixXf::Zero(2, 8);
  CHECK(fit_codebook(zero).levels == std::vector<std::int8_t>(16, 0));
  CHECK(quantize_codes(zero, pare::nf4()).value(1, 7) == 0);
  CHECK(quantize_codes(Eigen::MatrixXf(0, 8), pare::nf4()).codes.empty());
  CHECK(quantize_codes(Eigen::MatrixXf(3, 0), pare::nf4()).unit.size() == 3);
}

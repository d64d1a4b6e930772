// gptq against the same method by explicit inverses, and what it is for: less error in what comes out.
#include <pare/quantize/affine.hpp>
#include <pare/quantize/codebook.hpp>
#include <pare/quantize/gptq.hpp>

#include <Eigen/LU>

#include "calibrated.hpp"
#include "catch.hpp"

using pare::index_t;

namespace {

// Optimal brain surgery in a fixed order: after each column the inverse of what is left of H is computed anew. Of all
// values of the column's group the nearest is taken.
Eigen::MatrixXd surgery(Eigen::MatrixXd w, const pare::quantized_codes& q, Eigen::MatrixXd h,
                        const std::vector<index_t>& order) {
  Eigen::MatrixXd result(w.rows(), w.cols());
  for (std::size_t p = 0; p < order.size(); ++p) {
    const std::vector<index_t> left(order.begin() + static_cast<index_t>(p), order.end());
    const Eigen::MatrixXd inverse = Eigen::MatrixXd(h(left, left)).inverse();
    for (index_t row = 0; row < w.rows(); ++row) {
      pare::quantized_codes tried = q;
      double best = std::numeric_limits<double>::infinity();
      const std::size_t at = static_cast<std::size_t>(row * q.cols + left[0]);
      for (int code = 0; code < 1 << q.bits; ++code) {
        tried.codes[at] = static_cast<std::uint8_t>(code);
        const double value = static_cast<double>(tried.value(row, left[0]));
        if (std::abs(w(row, left[0]) - value) >= best) continue;
        best = std::abs(w(row, left[0]) - value);
        result(row, left[0]) = value;
      }
      const double error = (w(row, left[0]) - result(row, left[0])) / inverse(0, 0);
      for (std::size_t j = 0; j < left.size(); ++j) w(row, left[j]) -= error * inverse(0, static_cast<index_t>(j));
    }
  }
  return result;
}

const std::vector<pare::quantize_options> formats = {
    {.bits = 1, .group_size = 8},
    {.bits = 2, .group_size = 8},
    {.bits = 3, .scheme = pare::scheme::asymmetric, .group_size = 16},
    {.bits = 4, .scheme = pare::scheme::two_level, .group_size = 16},
    {.bits = 8, .granularity = pare::granularity::row},
};

}  // namespace

TEST_CASE("gptq chooses the codes that surgery by explicit inverses chooses") {
  const index_t cols = 37;
  const Eigen::MatrixXf w = gaussian(6, cols, 1);
  const Eigen::MatrixXd moment = statistics_of(correlated(cols, 200, 2)).second_moment();
  Eigen::MatrixXd damped = moment;
  damped.diagonal().array() += 0.01 * moment.diagonal().mean();
  for (const pare::column_order order : {pare::column_order::as_they_are, pare::column_order::falling_energy}) {
    const pare::inverse_factor factor(moment, {.order = order});
    CHECK(factor.damping() == 0.01);
    std::vector<index_t> columns;
    for (index_t p = 0; p < cols; ++p) columns.push_back(factor.column(p));
    if (order == pare::column_order::falling_energy)
      CHECK(std::is_sorted(columns.begin(), columns.end(),
                           [&](index_t a, index_t b) { return moment(a, a) > moment(b, b); }));
    for (const pare::quantize_options& options : formats) {
      const pare::quantized_codes start = pare::quantize_codes(w, options);
      CHECK(values_of(pare::gptq(w, start, factor)) == surgery(w.cast<double>(), start, damped, columns));
    }
    const pare::quantized_codes book = pare::quantize_codes(w, pare::nf4(), {.group_size = 8});
    CHECK(values_of(pare::gptq(w, book, factor)) == surgery(w.cast<double>(), book, damped, columns));
  }
}

TEST_CASE("gptq with uncorrelated inputs is rounding to nearest") {
  const Eigen::MatrixXf w = gaussian(5, 200, 3);
  const pare::inverse_factor factor(Eigen::MatrixXd::Identity(200, 200));
  for (const pare::quantize_options& options : formats) {
    const pare::quantized_codes start = pare::quantize_codes(w, options);
    CHECK(pare::gptq(w, start, factor).codes == start.codes);
  }
}

TEST_CASE("gptq lowers the error of outputs, beyond a block of columns and with dead inputs too") {
  for (const index_t cols : {40, 128, 129, 300}) {
    const Eigen::MatrixXf w = gaussian(20, cols, 4);
    Eigen::MatrixXf x = correlated(cols, 150, 5);
    x.row(3).setZero();
    const pare::input_statistics statistics = statistics_of(x);
    CHECK(statistics.is_dead(3));
    CHECK(statistics.dead_inputs() == 1);
    const Eigen::MatrixXd moment = statistics.second_moment();
    const pare::inverse_factor factor(moment);
    for (const int bits : {2, 3, 4}) {
      const pare::quantized_codes start = pare::quantize_codes(w, {.bits = bits});
      CHECK(output_error(w, pare::gptq(w, start, factor), moment) < 0.6 * output_error(w, start, moment));
    }
  }
}

TEST_CASE("with a rate, codes take fewer bits, and less of error and bits together") {
  const Eigen::MatrixXf w = gaussian(30, 96, 6);
  const Eigen::MatrixXd moment = statistics_of(correlated(96, 300, 7)).second_moment();
  const pare::inverse_factor factor(moment);
  const pare::quantized_codes start = pare::quantize_codes(w, {.bits = 6, .range = pare::range::min_max});
  const auto bits_of = [](const pare::quantized_codes& q) {  // by the empirical entropy of all codes
    std::vector<double> counts(64);
    for (const std::uint8_t code : q.codes) ++counts[code];
    double bits = 0;
    for (const double n : counts) bits -= n > 0 ? n * std::log2(n / static_cast<double>(q.codes.size())) : 0;
    return bits;
  };
  pare::quantized_codes before = pare::gptq(w, start, factor);
  for (const double rate : {0.002, 0.01, 0.05}) {
    const pare::quantized_codes q = pare::gptq(w, start, factor, {.rate = rate});
    CHECK(bits_of(q) < bits_of(before));
    const auto cost = [&](const pare::quantized_codes& of) { return output_error(w, of, moment) + rate * bits_of(of); };
    CHECK(cost(q) < cost(before));
    before = q;
  }
}

TEST_CASE("a singular second moment is damped until it can be factorized, one that is none is refused") {
  const Eigen::MatrixXf x = gaussian(30, 4, 8);  // fewer samples than inputs
  const Eigen::MatrixXd moment = statistics_of(x).second_moment();
  CHECK(pare::inverse_factor(moment).damping() == 0.01);
  CHECK(pare::inverse_factor(moment, {.damping = 0}).damping() > 0);
  CHECK(pare::inverse_factor(Eigen::MatrixXd::Zero(3, 3)).diagonal(0) == 1);
  Eigen::MatrixXd indefinite = Eigen::MatrixXd::Identity(2, 2);
  indefinite(0, 1) = indefinite(1, 0) = 1e20;
  CHECK(error_message<pare::value_error>([&] { pare::inverse_factor{indefinite}; }) ==
        "the second moment is not positive definite, however much is added to its diagonal");
  indefinite(1, 0) = std::nan("");
  CHECK(error_message<pare::value_error>([&] { pare::inverse_factor{indefinite}; }) ==
        "the second moment[1, 0] is nan, must be finite");
  CHECK(error_message<pare::value_error>([&] { pare::inverse_factor{-Eigen::MatrixXd::Identity(2, 2)}; }) ==
        "the second moment of input 0 is -1, must not be negative");
  CHECK(error_message<pare::shape_error>([&] { pare::inverse_factor{Eigen::MatrixXd::Identity(2, 3)}; }) ==
        "the second moment is 2 x 3, must be square");
}

TEST_CASE("weights that a mask removes become zero, and the others make up for it") {
  const Eigen::MatrixXf w = gaussian(10, 40, 10);
  const Eigen::MatrixXd moment = statistics_of(correlated(40, 200, 11)).second_moment();
  const pare::inverse_factor factor(moment);
  const pare::mask kept = pare::mask::where(10, 40, [](index_t row, index_t col) { return (row + col) % 3 != 0; });
  const pare::quantized_codes start = pare::quantize_codes(w, {.bits = 6});
  const pare::quantized_codes q = pare::gptq(w, start, factor, {.kept = &kept});
  Eigen::MatrixXd masked = values_of(start);
  kept.apply(masked);
  for (index_t row = 0; row < 10; ++row)
    for (index_t col = 0; col < 40; ++col)
      if (!kept.test(row, col)) CHECK(q.value(row, col) == 0);
  CHECK(output_error(w, q, moment) < 0.5 * output_error(w.cast<double>(), masked, moment));
  const pare::mask other(10, 39);
  CHECK(error_message<pare::shape_error>([&] { pare::gptq(w, start, factor, {.kept = &other}); }) ==
        "the weights are 10 x 40, the mask 10 x 39");
}

TEST_CASE("gptq refuses what does not fit") {
  const Eigen::MatrixXf w = gaussian(3, 8, 9);
  const pare::quantized_codes start = pare::quantize_codes(w);
  const pare::inverse_factor other(Eigen::MatrixXd::Identity(7, 7)), factor(Eigen::MatrixXd::Identity(8, 8));
  CHECK(error_message<pare::shape_error>([&] { pare::gptq(w, start, other); }) ==
        "the weights have 8 columns, the inputs are 7");
  CHECK(error_message<pare::shape_error>([&] { pare::gptq(w.topRows(2), start, factor); }) ==
        "the weights are 2 x 8, the codes 3 x 8");
  CHECK(error_message<pare::value_error>([&] { pare::gptq(w, start, factor, {.rate = -1}); }) ==
        "rate is -1, must not be negative");
}

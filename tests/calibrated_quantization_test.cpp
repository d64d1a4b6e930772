// Quantization that looks at inputs, besides gptq: coordinate descent, surgery, bias correction, scaled neurons.
#include <pare/parallel/thread_pool.hpp>
#include <pare/quantize/affine.hpp>
#include <pare/quantize/awq.hpp>
#include <pare/quantize/bias_correction.hpp>
#include <pare/quantize/codebook.hpp>
#include <pare/quantize/coordinate_descent.hpp>
#include <pare/quantize/equalize.hpp>
#include <pare/quantize/gptq.hpp>
#include <pare/quantize/obq.hpp>

#include "calibrated.hpp"
#include "catch.hpp"

using pare::index_t;

namespace {

const std::vector<pare::quantize_options> formats = {
    {.bits = 1, .group_size = 8},
    {.bits = 2, .group_size = 8},
    {.bits = 3, .scheme = pare::scheme::asymmetric, .group_size = 16},
    {.bits = 4, .scheme = pare::scheme::two_level, .group_size = 16},
};

}  // namespace

TEST_CASE("after coordinate descent no single code can become another one and lower the error") {
  const calibrated_layer l(4, 24, 1);
  std::vector<pare::quantized_codes> starts = {pare::quantize_codes(l.w, pare::nf4(), {.group_size = 8})};
  for (const pare::quantize_options& options : formats) starts.push_back(pare::quantize_codes(l.w, options));
  for (const pare::quantized_codes& start : starts) {
    for (const double damping : {0.0, 0.5}) {
      const Eigen::MatrixXd moment =
          l.moment + damping * l.moment.diagonal().mean() * Eigen::MatrixXd::Identity(24, 24);
      const pare::quantized_codes q = pare::descend(l.w, start, l.moment, {.damping = damping});
      const double error = output_error(l.w, q, moment);
      CHECK(error < output_error(l.w, start, moment));
      CHECK(q.scale == start.scale);
      for (std::size_t i = 0; i < q.codes.size(); ++i)
        for (int code = 0; code < 1 << q.bits; ++code) {
          pare::quantized_codes other = q;
          other.codes[i] = static_cast<std::uint8_t>(code);
          // Up to the roundings of the error itself.
          CHECK(output_error(l.w, other, moment) >= error * (1 - 1e-12));
        }
    }
  }
}

TEST_CASE("coordinate descent leaves alone what a mask removes, stops when told, and finds nothing where nothing is") {
  const calibrated_layer l(6, 40, 2);
  const pare::quantized_codes start = pare::quantize_codes(l.w, {.bits = 3});
  CHECK(pare::descend(l.w, start, l.moment, {.sweeps = 0}).codes == start.codes);
  CHECK(error_message([&] { pare::descend(l.w, start, l.moment, {.damping = -1}); }) ==
        "damping is -1, must not be negative");
  CHECK(pare::descend(l.w, start, Eigen::MatrixXd::Zero(40, 40)).codes == start.codes);
  const pare::mask kept = pare::mask::where(6, 40, [](index_t row, index_t col) { return (row * col) % 3 != 1; });
  const pare::quantized_codes q = pare::descend(l.w, start, l.moment, {.kept = &kept});
  CHECK(output_error(l.w, q, l.moment) < output_error(l.w, start, l.moment));
  for (index_t row = 0; row < 6; ++row)
    for (index_t col = 0; col < 40; ++col)
      if (!kept.test(row, col)) CHECK(q.value(row, col) == start.value(row, col));
}

TEST_CASE("coordinate descent lowers what gptq has left") {
  const calibrated_layer l(16, 100, 3);
  const pare::inverse_factor factor(l.moment);
  for (const int bits : {2, 3, 4}) {
    const pare::quantized_codes start = pare::quantize_codes(l.w, {.bits = bits});
    const pare::quantized_codes q = pare::gptq(l.w, start, factor);
    CHECK(output_error(l.w, pare::descend(l.w, q, l.moment), l.moment) < output_error(l.w, q, l.moment));
  }
}

TEST_CASE("surgery on two weights rounds the cheaper one first, and the other makes up for it") {
  const Eigen::MatrixXf w = (Eigen::MatrixXf(1, 3) << 0.45f, 1.1f, 4.0f).finished();
  Eigen::MatrixXd moment(3, 3);
  moment << 1, 0.9, 0, 0.9, 1, 0, 0, 0, 1;
  pare::quantized_codes start =
      pare::quantize_codes(w, {.bits = 4, .granularity = pare::granularity::row, .range = pare::range::min_max});
  start.unit[0] = 1;  // weights are whole numbers
  // 1.1 becomes 1, which is 0.1 less: 0.45 goes up by 0.9 times that, to 0.54, and becomes 1 in place of 0.
  const pare::quantized_codes q = pare::optimal_brain_quantizer(w, start, moment, {.damping = 0});
  CHECK(q.value(0, 0) == 1);
  CHECK(q.value(0, 1) == 1);
  CHECK(q.value(0, 2) == 4);
}

TEST_CASE("surgery with uncorrelated inputs is rounding to nearest, with correlated ones better") {
  const calibrated_layer l(8, 40, 4);
  for (const pare::quantize_options& options : formats) {
    const pare::quantized_codes start = pare::quantize_codes(l.w, options);
    CHECK(pare::optimal_brain_quantizer(l.w, start, Eigen::MatrixXd::Identity(40, 40)).codes == start.codes);
    CHECK(output_error(l.w, pare::optimal_brain_quantizer(l.w, start, l.moment), l.moment) <
          0.7 * output_error(l.w, start, l.moment));
  }
}

TEST_CASE("how many threads quantize changes nothing", "[threads]") {
  const calibrated_layer l(300, 60, 14);
  pare::thread_pool threads(3);
  const pare::inverse_factor factor(l.moment);
  const pare::quantized_codes start = pare::quantize_codes(l.w, {.bits = 3});
  const pare::quantized_codes q = pare::gptq(l.w, start, factor);
  CHECK(pare::gptq(l.w, start, factor, {.threads = &threads}).codes == q.codes);
  CHECK(pare::descend(l.w, q, l.moment, {.threads = &threads}).codes == pare::descend(l.w, q, l.moment).codes);
  CHECK(pare::optimal_brain_quantizer(l.w, start, l.moment, {.threads = &threads}).codes ==
        pare::optimal_brain_quantizer(l.w, start, l.moment).codes);
}

TEST_CASE("a corrected bias takes back what outputs are off on average") {
  const calibrated_layer l(5, 30, 5);
  const Eigen::VectorXf bias = gaussian(5, 1, 6);
  const Eigen::MatrixXf q = values_of(pare::quantize_codes(l.w, {.bits = 2})).cast<float>();
  const Eigen::VectorXd mean = Eigen::VectorXd::Constant(30, 0.7) + l.inputs.mean();
  const Eigen::VectorXf corrected = pare::correct_bias(bias, l.w, q, mean);
  const Eigen::VectorXd off =
      l.w.cast<double>() * mean + bias.cast<double>() - q.cast<double>() * mean - corrected.cast<double>();
  for (index_t i = 0; i < 5; ++i) CHECK(std::abs(off[i]) <= float_eps * std::abs(static_cast<double>(corrected[i])));
  CHECK(pare::correct_bias(bias, l.w, l.w, mean) == bias);
  CHECK(error_message<pare::shape_error>([&] { pare::correct_bias(bias, l.w, q, Eigen::VectorXd::Zero(29)); }) ==
        "the mean has 29 elements, the weights 30 columns");
  CHECK(error_message<pare::shape_error>([&] { pare::correct_bias(bias, l.w, q.leftCols(29), mean); }) ==
        "the weights are 5 x 30, their approximation 5 x 29");
}

TEST_CASE("scaled neurons leave the outputs through ReLU, equalized ones have as large weights on both sides") {
  Eigen::MatrixXf w1 = gaussian(6, 5, 7), w2 = gaussian(4, 6, 8);
  Eigen::VectorXf b1 = gaussian(6, 1, 9);
  w1.row(2) *= 100;
  w1.row(4).setZero();
  const Eigen::MatrixXf x = gaussian(5, 30, 10);
  const auto outputs = [&] { return Eigen::MatrixXf(w2 * ((w1 * x).colwise() + b1).cwiseMax(0.0f)); };
  const Eigen::MatrixXf before = outputs();
  const Eigen::VectorXf scales = pare::equalizing_scales(w1, w2);
  CHECK(scales[4] == 1);
  pare::scale_neurons(w1, b1, w2, scales);
  const Eigen::MatrixXf magnitude = w2.cwiseAbs() * ((w1.cwiseAbs() * x.cwiseAbs()).colwise() + b1.cwiseAbs());
  // Each product of two weights and an input has four roundings more, and each sum as many as before.
  CHECK(((outputs() - before).array().abs() <= static_cast<float>(float_eps) * 16 * magnitude.array()).all());
  for (index_t j = 0; j < 6; ++j) {
    const float in = w1.row(j).cwiseAbs().maxCoeff(), out = w2.col(j).cwiseAbs().maxCoeff();
    if (j != 4) CHECK(std::abs(in - out) <= 4 * static_cast<float>(float_eps) * in);
  }
  Eigen::VectorXf bad = scales;
  bad[3] = 0;
  const Eigen::MatrixXf w1_before = w1;
  CHECK(error_message<pare::value_error>([&] { pare::scale_neurons(w1, b1, w2, bad); }) ==
        "scale 3 is 0, must be positive and finite");
  CHECK(error_message<pare::shape_error>([&] { pare::scale_neurons(w1, b1, w2, scales.head(5)); }) ==
        "w1 has 6 rows, b1 6 elements, w2 6 columns and there are 5 scales, must be as many");
  CHECK(w1 == w1_before);
}

TEST_CASE("awq scales inputs that are large, by what serves the outputs best") {
  const Eigen::MatrixXf w = gaussian(12, 64, 11);
  Eigen::MatrixXf x = gaussian(64, 300, 12);
  for (index_t j = 0; j < 64; j += 8) x.row(j) *= 30;
  x.row(5).setZero();
  const pare::input_statistics inputs = statistics_of(x);
  const pare::quantize_options options{.bits = 3, .range = pare::range::min_max};
  const Eigen::VectorXf scales = pare::awq_scales(w, inputs, options);
  CHECK(scales[8] > 2 * scales[9]);
  const Eigen::MatrixXf scaled = w * scales.asDiagonal();
  const Eigen::MatrixXd rounded =
      values_of(pare::quantize_codes(scaled, options)) * scales.cast<double>().cwiseInverse().asDiagonal();
  CHECK(output_error(w.cast<double>(), rounded, inputs.second_moment()) <
        0.5 * output_error(w, pare::quantize_codes(w, options), inputs.second_moment()));
  CHECK(pare::awq_scales(w, statistics_of(Eigen::MatrixXf::Ones(64, 3)), options) == Eigen::VectorXf::Ones(64));
  CHECK(error_message<pare::shape_error>([&] { pare::awq_scales(w.leftCols(63), inputs, options); }) ==
        "the weights have 63 columns, the inputs are 64");
}

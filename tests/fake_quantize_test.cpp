// Quantizers of training: learned steps, learned codebooks, inputs as the engine rounds them.
#include <pare/train/constraint.hpp>

#include <limits>

#include <pare/nn/network.hpp>

#include "catch.hpp"
#include "support.hpp"

using pare::index_t;
using pare::mask;
using pare::row_major_matrix;
using pare::detail::layer_parameters;

namespace {

double rounded(double w, double step, double levels) {
  return step * std::nearbyint(std::min(std::max(w / step, -levels), levels));
}

}  // namespace

TEST_CASE("a learned step rounds to the nearest multiple in range, halves to even") {
  const float w[] = {0.0f, 0.24f, 0.26f, 0.25f, 0.75f, -0.25f, -1.6f, 99.0f};
  float out[8];
  pare::detail::round_to_step(w, 8, 0.5f, 3, out);
  const float expected[] = {0.0f, 0.0f, 0.5f, 0.0f, 1.0f, 0.0f, -1.5f, 1.5f};
  for (int i = 0; i < 8; ++i) CHECK(out[i] == expected[i]);
}

TEST_CASE("the first step is twice the mean magnitude over the root of the levels") {
  CHECK(pare::detail::first_step(Eigen::VectorXf(Eigen::Vector4f(1, -3, 0, 2)), 4) == 2.0f);
  CHECK(pare::detail::first_step(Eigen::VectorXf::Zero(3).eval(), 4) == 1.0f);
}

TEST_CASE(
    "the slope of a step is that of the rounded weights with each rounding held, plus the straight-through part") {
  // With n_i = round(w_i / step), d(step n_i)/dstep is n_i; what passes straight through takes off w_i / step inside
  // the range, and outside the clipped weight is step · levels itself.
  const Eigen::VectorXf w = gaussian(200, 1, 1), g = gaussian(200, 1, 2);
  const float step = 0.3f;
  const int levels = GENERATE(1, 3, 7);
  double expected = 0, size = 0;
  for (index_t i = 0; i < 200; ++i) {
    const double v = static_cast<double>(w(i)) / static_cast<double>(step);
    const double multiple =
        rounded(static_cast<double>(w(i)), 1 / (1 / static_cast<double>(step)), levels) / static_cast<double>(step);
    const bool inside = std::abs(v) < levels;
    expected += static_cast<double>(g(i)) * (multiple - (inside ? v : 0));
    size += std::abs(static_cast<double>(g(i))) * (levels + 1 + std::abs(v));
  }
  const double got = pare::detail::step_slope(w.data(), 200, step, levels, g.data());
  CHECK(std::abs(got - expected) <= 4 * float_eps * size);
  Eigen::VectorXf passed = g;
  pare::detail::clip_gradient(w.data(), 200, step, levels, passed.data());
  for (index_t i = 0; i < 200; ++i) CHECK(passed(i) == (std::abs(w(i) / step) < static_cast<float>(levels) ? g(i) : 0));
}

TEST_CASE("outside its range the slope of a step is that of central differences") {
  const Eigen::VectorXf w = Eigen::Vector3f(5.0f, -4.0f, 7.0f), g = Eigen::Vector3f(1.0f, -2.0f, 0.5f);
  const auto loss = [&](double step) {
    double sum = 0;
    for (index_t i = 0; i < 3; ++i) sum += static_cast<double>(g(i)) * rounded(static_cast<double>(w(i)), step, 3);
    return sum;
  };
  const double h = 1e-6;
  const double slope = (loss(0.5 + h) - loss(0.5 - h)) / (2 * h);
  CHECK(std::abs(pare::detail::step_slope(w.data(), 3, 0.5f, 3, g.data()) - slope) <= 1e-8);
}

TEST_CASE("the gradient of a step is scaled by the root of the weights and levels") {
  CHECK(pare::detail::step_gradient_scale(100, 4) == 0.05f);
}

TEST_CASE("codebook values are sorted multiples of a 127th of the largest, one of them zero") {
  Eigen::VectorXf levels = Eigen::Vector4f(0.0f, 1.0f, -2.0f, 0.3f);
  const pare::detail::codebook_values values(levels);
  REQUIRE(values.size() == 4);
  CHECK(values.unit() == 2.0f / 127.0f);
  const int multiples[] = {-127, 0, 19, 64};  // 0.3 is 19.05 units, 1 is 63.5
  const int numbers[] = {2, 0, 3, 1};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(values.multiple(i) == multiples[i]);
    CHECK(values.level(i) == numbers[i]);
    CHECK(values.value(i) == values.unit() * static_cast<float>(multiples[i]));
  }
  for (const float w : {-9.0f, -1.1f, -0.9f, 0.1f, 0.2f, 0.7f, 5.0f}) {
    const float chosen = values.value(values.nearest(w));
    for (std::size_t i = 0; i < 4; ++i) CHECK(std::abs(w - chosen) <= std::abs(w - values.value(i)));
  }
}

TEST_CASE("the gradient of a level is the sum over its weights") {
  const Eigen::VectorXf levels = Eigen::Vector3f(0.0f, 1.0f, -1.0f);
  const Eigen::VectorXf w = (Eigen::VectorXf(5) << 0.9f, 0.1f, -2.0f, 1.2f, -0.2f).finished();
  const Eigen::VectorXf g = (Eigen::VectorXf(5) << 1, 2, 4, 8, 16).finished();
  Eigen::VectorXf gradient = Eigen::VectorXf::Zero(3);
  const pare::detail::codebook_values values(levels);
  pare::detail::add_level_gradient(w.data(), 5, values, g.data(), gradient);
  CHECK(gradient == Eigen::Vector3f(18, 9, 4));
}

TEST_CASE("first levels lie among the weights, behind a zero") {
  Eigen::VectorXf levels(5);
  pare::detail::spread_levels(gaussian(1000, 1, 1).reshaped(), levels);
  CHECK(levels(0) == 0.0f);
  CHECK(std::is_sorted(levels.data() + 1, levels.data() + 5));
  CHECK(levels(1) < -0.8f);
  CHECK(levels(4) > 0.8f);
  pare::detail::spread_levels(Eigen::VectorXf::Zero(4).eval(), levels);
  CHECK(levels == Eigen::VectorXf::Zero(5));
}

TEST_CASE("inputs are rounded exactly as the engine rounds them") {
  const index_t inputs = 37;
  const index_t group = GENERATE(0, 16, 37);
  Eigen::MatrixXf x = gaussian(inputs, 5, 1);
  x.col(3).setZero();
  x.col(4) *= 1e-35f;
  // With weights of one each outputs are sums of a single input, which the engine gives as scale · code.
  pare::quantize_options options{.bits = 8, .granularity = pare::granularity::row, .range = pare::range::min_max};
  if (group > 0) options.granularity = pare::granularity::group;
  if (group > 0) options.group_size = group;
  pare::quantized_codes q = pare::quantize_codes(Eigen::MatrixXf(Eigen::MatrixXf::Identity(inputs, inputs)), options);
  for (index_t row = 0; row < inputs; ++row) {
    q.unit[static_cast<std::size_t>(row)] = 1.0f;
    for (index_t col = 0; col < inputs; ++col)
      q.codes[static_cast<std::size_t>(row * inputs + col)] = row == col ? 129 : 128;
    for (index_t g = 0; g < q.groups(); ++g)
      q.scale[static_cast<std::size_t>(row * q.groups() + g)] = pare::detail::half_bits(1.0f);
  }
  pare::network net(inputs);
  net.add(pare::linear(pare::pack(q)));
  Eigen::MatrixXf y(inputs, 5);
  pare::workspace room = net.workspace(5);
  net.run(x, y, room);
  Eigen::MatrixXf rounded_x = x;
  pare::detail::round_inputs({.group_size = group}, rounded_x);
  CHECK(rounded_x == y);
  CHECK(rounded_x != x);
}

TEST_CASE("effective weights are rounded, and zero where the mask removes them") {
  layer_parameters layer{gaussian(3, 70, 1), {}, Eigen::VectorXf::Zero(3), Eigen::Vector3f(0.5f, 0.25f, 1.0f)};
  mask kept = ~mask(3, 70);
  kept.set(1, 65, false);
  row_major_matrix effective = row_major_matrix::Constant(3, 70, 9.0f);
  pare::detail::apply(pare::learned_step{.levels = 3, .per_row = true}, kept, layer, 1, 2, effective);
  CHECK((effective.row(0).array() == 9.0f).all());
  for (index_t i = 1; i < 3; ++i)
    for (index_t j = 0; j < 70; ++j) {
      const double exact = rounded(static_cast<double>(layer.weights(i, j)), static_cast<double>(layer.levels(i)), 3);
      CHECK(static_cast<double>(effective(i, j)) == (i == 1 && j == 65 ? 0.0 : exact));
    }
}

TEST_CASE("gradients pass a hard mask for kept weights only, a straight-through one for all, levels by kept ones") {
  const layer_parameters layer{gaussian(2, 5, 1), {}, Eigen::VectorXf::Zero(2), Eigen::VectorXf::Constant(1, 10.0f)};
  mask kept = ~mask(2, 5);
  kept.set(0, 2, false);
  kept.set(1, 4, false);
  const row_major_matrix g = gaussian(2, 5, 2);
  row_major_matrix masked = g;
  kept.apply(masked);
  const bool through = GENERATE(false, true);
  const pare::weight_quantizer quantizer = pare::learned_step{.levels = 3};
  row_major_matrix gradient = g, scratch(2, 5);
  Eigen::VectorXf level_gradient(1);
  pare::detail::pull_back(quantizer, kept, through, layer, 0, 2, gradient, scratch, level_gradient);
  CHECK(gradient == (through ? g : masked));  // all weights are far inside 3 steps of 10
  const double slope = pare::detail::step_slope(layer.weights.data(), 10, 10.0f, 3, masked.data());
  const double scale = 1 / std::sqrt(8 * 3.0);  // 8 kept weights, 3 levels
  CHECK(std::abs(static_cast<double>(level_gradient(0)) - scale * slope) <= 16 * float_eps);
}

TEST_CASE("gradients reach the levels of a codebook but for its zero, by kept weights") {
  const layer_parameters layer{
      gaussian(3, 40, 1), {}, Eigen::VectorXf::Zero(3), Eigen::Vector4f(0, 127, -64, 32) / 128};
  mask kept = ~mask(3, 40);
  for (index_t col = 0; col < 40; col += 3) kept.set(1, col, false);
  const Eigen::MatrixXd out = gaussian(3, 40, 2).cast<double>();  // dL/dout of L = sum out · effective
  // In double precision, each weight the nearest of the levels as they are: the assignment stays under small changes.
  const auto loss = [&](const Eigen::MatrixXd& levels) {
    double sum = 0;
    for (index_t i = 0; i < 3; ++i)
      for (index_t j = 0; j < 40; ++j) {
        index_t nearest = 0;
        (layer.levels.array() - layer.weights(i, j)).abs().minCoeff(&nearest);
        if (kept.test(i, j)) sum += out(i, j) * levels(nearest);
      }
    return sum;
  };
  row_major_matrix gradient = out.cast<float>(), scratch(3, 40);
  Eigen::VectorXf level_gradient(4);
  pare::detail::pull_back(pare::learned_codebook{4}, kept, false, layer, 0, 3, gradient, scratch, level_gradient);
  CHECK(level_gradient(0) == 0.0f);
  for (index_t i = 1; i < 4; ++i) {
    const double slope = central_difference(loss, layer.levels.cast<double>(), i, 0, 1e-3);
    CHECK(std::abs(static_cast<double>(level_gradient(i)) - slope) <= 120 * float_eps * out.cwiseAbs().maxCoeff());
    CHECK(std::abs(slope) > 0.1);
  }
  row_major_matrix straight = out.cast<float>();
  kept.apply(straight);
  CHECK(gradient == straight);
}

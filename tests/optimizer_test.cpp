// Optimizer steps and learning rates against numbers worked out by hand and against double precision.
#include <pare/train/optimizer.hpp>
#include <pare/train/schedule.hpp>

#include <limits>

#include "catch.hpp"
#include "support.hpp"

namespace {

constexpr double float_eps = std::numeric_limits<float>::epsilon();

Eigen::ArrayXf one(float value) { return Eigen::ArrayXf::Constant(1, value); }

}  // namespace

TEST_CASE("sgd with momentum takes the steps worked out by hand") {
  const pare::optimizer method = pare::sgd{.momentum = 0.5f};
  pare::optimizer_memory memory(method, 1);
  Eigen::ArrayXf w = one(1.0f);
  pare::step(method, memory, w, one(0.5f), 0.25);  // v = 0.5
  CHECK(w(0) == 0.875f);
  pare::step(method, memory, w, one(0.25f), 0.25);  // v = 0.25 + 0.25
  CHECK(w(0) == 0.75f);
  pare::step(method, memory, w, one(0.0f), 1.0);  // v = 0.25
  CHECK(w(0) == 0.5f);
}

TEST_CASE("adam moves by the learning rate under a constant gradient, whatever its size") {
  const float gradient = GENERATE(0.5f, -3.0f, 1e-3f);
  const pare::optimizer method = pare::adam{};
  pare::optimizer_memory memory(method, 1);
  Eigen::ArrayXf w = one(1.0f);
  for (int t = 1; t <= 3; ++t) {
    pare::step(method, memory, w, one(gradient), 0.1);
    const double g = static_cast<double>(gradient);
    const double expected = 1.0 - t * 0.1 * g / (std::abs(g) + 1e-8);
    // Corrections divide by 1 - beta^t >= 1e-3, in which beta2 is off by eps/2 relative to 1: half of that in the root.
    CHECK(std::abs(static_cast<double>(w(0)) - expected) <= t * 0.1 * float_eps * (1000 / 4.0 + 8) + t * float_eps);
  }
}

TEST_CASE("adam follows algorithm 1 of its paper in double precision") {
  const pare::adam method{.beta1 = 0.75f, .beta2 = 0.875f, .epsilon = 0.125f};
  pare::optimizer_memory memory(method, 6);
  Eigen::ArrayXf w = gaussian(6, 1, 1).array();
  Eigen::ArrayXd expected = w.cast<double>();
  Eigen::ArrayXd m = Eigen::ArrayXd::Zero(6), v = m;
  for (int t = 1; t <= 10; ++t) {
    const Eigen::ArrayXf gradient = gaussian(6, 1, static_cast<std::uint32_t>(t + 1)).array();
    pare::step(pare::optimizer(method), memory, w, gradient, 0.5);
    const Eigen::ArrayXd g = gradient.cast<double>();
    m = 0.75 * m + 0.25 * g;
    v = 0.875 * v + 0.125 * g * g;
    const Eigen::ArrayXd m_hat = m / (1 - std::pow(0.75, t)), v_hat = v / (1 - std::pow(0.875, t));
    expected -= 0.5 * m_hat / (v_hat.sqrt() + 0.125);
  }
  // Ten steps of at most 0.5 |m| / sqrt(v) <= 2 with a dozen roundings each, and ten of the sum itself.
  const double largest = expected.abs().maxCoeff() + 20;
  CHECK((w.cast<double>() - expected).abs().maxCoeff() <= 12 * float_eps * largest);
}

TEST_CASE("an optimizer refuses parameters outside their range") {
  CHECK(error_message<pare::value_error>([] { pare::validate(pare::optimizer(pare::sgd{1.0f})); }) ==
        "sgd momentum is 1, must be at least 0, below 1");
  CHECK(error_message<pare::value_error>([] { pare::validate(pare::optimizer(pare::adam{.beta1 = -0.5f})); }) ==
        "adam beta1 is -0.5, must be at least 0, below 1");
  CHECK(error_message<pare::value_error>([] {
          pare::validate(pare::optimizer(pare::adam{.beta2 = std::numeric_limits<float>::quiet_NaN()}));
        }) == "adam beta2 is nan, must be at least 0, below 1");
  CHECK(error_message<pare::value_error>([] { pare::validate(pare::optimizer(pare::adam{.epsilon = 0.0f})); }) ==
        "adam epsilon is 0, must be positive and finite");
}

TEST_CASE("the cosine learning rate falls from its initial value over a half to nothing") {
  using enum pare::learning_rate_schedule;
  CHECK(pare::scheduled_learning_rate(cosine, 0.3, 0.0) == 0.3);
  CHECK(pare::scheduled_learning_rate(cosine, 0.3, 1.0) == 0.0);
  constexpr double eps = std::numeric_limits<double>::epsilon();
  CHECK(std::abs(pare::scheduled_learning_rate(cosine, 0.3, 0.5) - 0.15) <= 2 * eps);
  CHECK(std::abs(pare::scheduled_learning_rate(cosine, 0.4, 1.0 / 3) - 0.3) <= 4 * eps);  // cos 60 degrees is 1/2
}

TEST_CASE("the constant learning rate stays") {
  using enum pare::learning_rate_schedule;
  for (const double progress : {0.0, 0.4, 1.0}) CHECK(pare::scheduled_learning_rate(constant, 0.3, progress) == 0.3);
}

// The divergence of variational layers against double precision and central differences; a run that prunes by it.
#include <pare/train/variational.hpp>

#include "catch.hpp"
#include "training_runs.hpp"

using Eigen::ArrayXd;
using Eigen::ArrayXf;
using pare::index_t;

namespace {

// Of one weight, from equation 14 of the paper.
double exact(double theta, double log_variance) {
  const double a = log_variance - std::log(theta * theta + 1e-16);
  const double k1 = 0.63576, k2 = 1.87320, k3 = 1.48695;
  return -(k1 / (1 + std::exp(-(k2 + k3 * a))) - 0.5 * std::log(1 + std::exp(-a)) - k1);
}

const ArrayXf theta = gaussian(700, 1, 1).array();
const ArrayXf log_variance = (4.0f * gaussian(700, 1, 2).array() - 4.0f).matrix();

}  // namespace

TEST_CASE("the divergence is the sum of its approximation") {
  double expected = 0, size = 0;
  for (index_t i = 0; i < theta.size(); ++i) {
    expected += exact(static_cast<double>(theta(i)), static_cast<double>(log_variance(i)));
    size += 2 + std::abs(static_cast<double>(log_variance(i)));
  }
  const double eps = std::numeric_limits<float>::epsilon();
  CHECK(std::abs(pare::detail::divergence(theta, log_variance) - expected) <= 700 * eps * size);
}

TEST_CASE("the gradient of the divergence is that of central differences, added to what is there") {
  ArrayXf theta_gradient = ArrayXf::Constant(theta.size(), 1.0f), variance_gradient = theta_gradient;
  pare::detail::add_divergence_gradient(theta, log_variance, 0.5f, theta_gradient, variance_gradient);
  const double eps = std::numeric_limits<float>::epsilon();
  for (index_t i = 0; i < theta.size(); ++i) {
    const double t = static_cast<double>(theta(i)), v = static_cast<double>(log_variance(i));
    const double h = 1e-6 * std::abs(t);
    const double by_theta = 0.5 * (exact(t + h, v) - exact(t - h, v)) / (2 * h);
    const double by_variance = 0.5 * (exact(t, v + 1e-6) - exact(t, v - 1e-6)) / 2e-6;
    // Some 20 roundings of log alpha, whose slopes are below 1; differences are off by 2^-52 f / h.
    const double size = 1 + (1 + std::abs(v)) * (1 + 1 / std::abs(t));
    CHECK(std::abs(static_cast<double>(theta_gradient(i)) - 1 - by_theta) <= 40 * eps * size + 1e-8 * size);
    CHECK(std::abs(static_cast<double>(variance_gradient(i)) - 1 - by_variance) <= 40 * eps * size + 1e-8 * size);
  }
}

TEST_CASE("a mean of zero has a finite divergence and gradient") {
  const ArrayXf none = ArrayXf::Zero(3), small = ArrayXf::Constant(3, -10.0f);
  ArrayXf a = none, b = none;
  pare::detail::add_divergence_gradient(none, small, 1.0f, a, b);
  CHECK(std::isfinite(pare::detail::divergence(none, small)));
  CHECK(a.allFinite());
  CHECK(b.allFinite());
}

TEST_CASE("the weight of the divergence rises along its ramp") {
  const pare::variational_dropout v{.weight = 2, .ramp_begin = 4, .ramp_end = 8};
  CHECK(pare::divergence_weight(v, 3) == 0);
  CHECK(pare::divergence_weight(v, 5) == 0.5);
  CHECK(pare::divergence_weight(v, 8) == 2);
  CHECK(pare::divergence_weight({.weight = 1, .ramp_end = 0}, 0) == 1);
}

TEST_CASE("a variational run finds the inputs that do not matter") {
  // The class is the sign of the first of eight inputs.
  pare::dataset data{gaussian(8, 600, 3), {}, 2, "signs"};
  for (index_t i = 0; i < 600; ++i) data.labels.push_back(data.inputs(0, i) > 0 ? 1 : 0);
  pare::mlp model = pare::make_mlp({8, 2}, 1);
  pare::train(model, data,
              {.epochs = 150,
               .batch_size = 50,
               .learning_rate = 0.05,
               .variational = pare::variational_dropout{.ramp_begin = 2, .ramp_end = 20, .first_log_variance = -6}});
  CHECK(pare::error_rate(model, data) < 0.05);
  CHECK((model.layers[0].weights.col(0).array() != 0.0f).any());
  CHECK((model.layers[0].weights.rightCols(7).array() != 0.0f).count() <= 2);
}

TEST_CASE("variational dropout refuses numbers outside their range") {
  const auto message = [](const pare::variational_dropout& v) {
    return error_message<pare::value_error>([&] { pare::validate(v); });
  };
  CHECK(message({.weight = -1}) == "variational_dropout weight is -1, must be finite and not negative");
  CHECK(message({.ramp_begin = 5, .ramp_end = 4}) ==
        "variational_dropout ramp_end is 4, must be at least ramp_begin = 5");
  CHECK(message({.threshold = std::numeric_limits<float>::infinity()}).find("must be finite") != std::string::npos);
}

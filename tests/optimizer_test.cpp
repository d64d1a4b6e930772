// Optimizer steps against numbers worked out by hand and against double precision.
#include <pare/train/optimizer.hpp>

#include <limits>

#include "catch.hpp"
#include "support.hpp"

using Eigen::ArrayXd;
using Eigen::ArrayXf;

namespace {

// Parameters with the memories of an optimizer.
struct stepped {
  explicit stepped(const ArrayXf& start) : w(start), first(ArrayXf::Zero(w.size())), second(first) {}

  void step(const pare::optimizer& method, const ArrayXf& gradient, double rate) {
    pare::step(method, ++steps, first, second, w, gradient, rate);
  }

  ArrayXf w, first, second;
  pare::index_t steps = 0;
};

ArrayXf one(float value) { return ArrayXf::Constant(1, value); }
ArrayXf some(std::uint32_t seed) { return gaussian(6, 1, seed).array(); }

// Takes ten steps of `method` beside expected(t, g) in double precision, which returns what the parameters fall by.
template <class Expected>
void check_steps(const pare::optimizer& method, const Expected& expected) {
  stepped got(some(1));
  ArrayXd w = got.w.cast<double>();
  double moved = 0;
  for (int t = 1; t <= 10; ++t) {
    const ArrayXf gradient = some(static_cast<std::uint32_t>(t + 1));
    got.step(method, gradient, 0.5);
    const ArrayXd change = expected(t, gradient.cast<double>());
    w -= change;
    moved += change.abs().maxCoeff();
  }
  // Each step has some 16 roundings of what may have been twice as large before it cancelled, and one of the sum.
  CHECK((got.w.cast<double>() - w).abs().maxCoeff() <= float_eps * (2 * 16 * 10 * moved + 10 * w.abs().maxCoeff()));
}

}  // namespace

TEST_CASE("sgd with momentum takes the steps worked out by hand") {
  const pare::optimizer method = pare::sgd{.momentum = 0.5f};
  stepped p(one(1.0f));
  p.step(method, one(0.5f), 0.25);  // v = 0.5
  CHECK(p.w(0) == 0.875f);
  p.step(method, one(0.25f), 0.25);  // v = 0.25 + 0.25
  CHECK(p.w(0) == 0.75f);
  p.step(method, one(0.0f), 1.0);  // v = 0.25
  CHECK(p.w(0) == 0.5f);
}

TEST_CASE("sgd with Nesterov's momentum looks ahead") {
  const pare::optimizer method = pare::sgd{.momentum = 0.5f, .nesterov = true};
  stepped p(one(1.0f));
  p.step(method, one(0.5f), 0.25);  // v = 0.5, steps by 0.25 (0.5 + 0.25)
  CHECK(p.w(0) == 0.8125f);
  p.step(method, one(0.25f), 1.0);  // v = 0.5, steps by 0.25 + 0.25
  CHECK(p.w(0) == 0.3125f);
}

TEST_CASE("adam moves by the learning rate under a constant gradient, whatever its size") {
  const float gradient = GENERATE(0.5f, -3.0f, 1e-3f);
  stepped p(one(1.0f));
  for (int t = 1; t <= 3; ++t) {
    p.step(pare::adam{}, one(gradient), 0.1);
    const double g = static_cast<double>(gradient);
    const double expected = 1.0 - t * 0.1 * g / (std::abs(g) + 1e-8);
    // Corrections divide by 1 - beta^t >= 1e-3, in which beta2 is off by eps/2 relative to 1: half of that in the root.
    CHECK(std::abs(static_cast<double>(p.w(0)) - expected) <= t * 0.1 * float_eps * (1000 / 4.0 + 8) + t * float_eps);
  }
}

TEST_CASE("every optimizer follows its formula in double precision") {
  ArrayXd v = ArrayXd::Zero(6), s = v;
  SECTION("sgd") {
    check_steps(pare::sgd{.momentum = 0.75f}, [&](int, const ArrayXd& g) -> ArrayXd {
      v = 0.75 * v + g;
      return 0.5 * v;
    });
  }
  SECTION("adam and adamw, whose decay is applied elsewhere") {
    const auto expected = [&](int t, const ArrayXd& g) -> ArrayXd {
      v = 0.75 * v + 0.25 * g;
      s = 0.875 * s + 0.125 * g * g;
      return 0.5 * (v / (1 - std::pow(0.75, t))) / ((s / (1 - std::pow(0.875, t))).sqrt() + 0.125);
    };
    const bool decoupled = GENERATE(false, true);
    const pare::adam plain{.beta1 = 0.75f, .beta2 = 0.875f, .epsilon = 0.125f};
    const pare::adamw decaying{.beta1 = 0.75f, .beta2 = 0.875f, .epsilon = 0.125f, .weight_decay = 0.5f};
    check_steps(decoupled ? pare::optimizer(decaying) : pare::optimizer(plain), expected);
  }
  SECTION("rmsprop") {
    const pare::rmsprop method{.decay = 0.75f, .epsilon = 0.125f, .momentum = 0.5f};
    check_steps(method, [&](int, const ArrayXd& g) -> ArrayXd {
      s = 0.75 * s + 0.25 * g * g;
      v = 0.5 * v + g / (s.sqrt() + 0.125);
      return 0.5 * v;
    });
  }
}

TEST_CASE("only adamw decays weights") {
  CHECK(pare::weight_decay(pare::adamw{.weight_decay = 0.25f}) == 0.25f);
  CHECK(pare::weight_decay(pare::adam{}) == 0.0f);
  CHECK(pare::weight_decay(pare::sgd{}) == 0.0f);
  CHECK(pare::weight_decay(pare::rmsprop{}) == 0.0f);
}

TEST_CASE("an optimizer refuses parameters outside their range") {
  const auto message = [](const pare::optimizer& method) {
    return error_message<pare::value_error>([&] { pare::validate(method); });
  };
  CHECK(message(pare::sgd{1.0f}) == "sgd momentum is 1, must be at least 0, below 1");
  CHECK(message(pare::adam{.beta1 = -0.5f}) == "adam beta1 is -0.5, must be at least 0, below 1");
  CHECK(message(pare::adam{.beta2 = std::numeric_limits<float>::quiet_NaN()}) ==
        "adam beta2 is nan, must be at least 0, below 1");
  CHECK(message(pare::adam{.epsilon = 0.0f}) == "adam epsilon is 0, must be positive and finite");
  CHECK(message(pare::adamw{.weight_decay = -1.0f}) == "adamw weight_decay is -1, must be finite and not negative");
  CHECK(message(pare::rmsprop{.decay = 1.0f}) == "rmsprop decay is 1, must be at least 0, below 1");
  CHECK(message(pare::rmsprop{.momentum = 2.0f}) == "rmsprop momentum is 2, must be at least 0, below 1");
  CHECK(message(pare::sgd{0.5f}).empty());
}

// Activations, softmax, normalization and addition of every instruction set: the same bits, and how accurate they are.
#include <pare/kernels/dispatch.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "catch.hpp"
#include "support.hpp"

using pare::activation;
using pare::activations;
using pare::index_t;
using pare::instruction_set;
using pare::detail::active_kernels;
using pare::detail::normalize_arguments;

namespace {

constexpr double eps = 0x1p-23;
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

// Every magnitude of both signs, closely around where the functions bend, and what is special; a multiple of 16.
std::vector<float> sweep() {
  std::vector<float> x = {0.0f, -0.0f, 100, -100, 1e30f, -1e30f};
  for (int exponent = -149; exponent <= 127; ++exponent)
    for (const float mantissa : {1.0f, 1.1f, 1.3f, 1.5f, 1.77f, 1.999f})
      for (const float sign : {1.0f, -1.0f}) x.push_back(std::ldexp(sign * mantissa, exponent));
  for (int i = -30000; i <= 30000; ++i) x.push_back(static_cast<float>(i) * 0.0037f);
  while (x.size() % 16 != 0) x.push_back(0);
  return x;
}

std::vector<float> applied(activation function, float alpha, std::vector<float> x) {
  active_kernels().activate(function, alpha, x.data(), static_cast<index_t>(x.size()));
  return x;
}

double exact(activation function, double alpha, double x) {
  switch (function) {
    case activation::identity: return x;
    case activation::relu: return std::max(x, 0.0);
    case activation::leaky_relu: return x > 0 ? x : alpha * x;
    case activation::elu: return x > 0 ? x : alpha * std::expm1(x);
    case activation::gelu: return x / 2 * std::erfc(-x / std::sqrt(2.0));
    // (1 + tanh u) / 2 = 1 / (1 + e^-2u)
    case activation::gelu_tanh:
      return x / (1 + std::exp(-2 * std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case activation::silu: return x / (1 + std::exp(-x));
    case activation::sigmoid: return 1 / (1 + std::exp(-x));
    case activation::tanh: return std::tanh(x);
    case activation::hard_swish: return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case activation::softmax: break;
  }
  return 0;
}

// The largest errors seen, of which the bounds here are at most 1.7 times (results being the same everywhere, they
// cannot grow): elu 0.94, gelu 3.4, gelu_tanh 1.2, silu 1.4, sigmoid 1.2, tanh 1.3, hard_swish 0.8 of the units below.
// Where the result is small but x is not, the formula limits what floats can do: the exponent of gelu's tail is off by
// its own rounding, x^2 / 2 eps; 1 + tanh cancels. e^x for the sigmoid overflows 2^-126 before its inverse does.
double tolerance(activation function, double x, double y) {
  const double least = 0x1p-148, relative = eps * std::fabs(y);
  switch (function) {
    case activation::elu: return 1.5 * relative + least;
    case activation::tanh: return 2 * relative + least;
    case activation::sigmoid: return 2 * relative + 0x1p-126;
    case activation::silu: return 2 * relative + 0x1p-126 * std::fabs(x) + least;
    case activation::gelu: return (x < 0 ? 4 + x * x : 4) * relative + 0x1p-126 * std::fabs(x) + least;
    case activation::gelu_tanh: return 2 * eps * std::fabs(x) + least;
    // The gate, at most 1, is rounded once, and so is 1/6.
    case activation::hard_swish: return eps / 2 * ((std::fabs(x) < 3.1 ? std::fabs(x) : 0) + std::fabs(y)) + least;
    default: return function == activation::leaky_relu ? relative / 2 + least / 2 : 0;
  }
}

// Equal bits, or both NaN.
bool same_bits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

index_t differences(const std::vector<float>& a, const std::vector<float>& b) {
  index_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += !same_bits(a[i], b[i]);
  return count;
}

std::vector<float> with_padding(const Eigen::MatrixXf& samples, index_t stride) {
  std::vector<float> x(static_cast<std::size_t>(stride * samples.cols()), not_a_number);
  for (index_t b = 0; b < samples.cols(); ++b)
    std::copy_n(samples.col(b).data(), samples.rows(), x.data() + b * stride);
  return x;
}

// The bits of samples in a buffer are those of the scalar set, which come first and become `expected`, and behind the
// last whole vector of a sample nothing is written.
void check_samples(const Eigen::Map<Eigen::MatrixXf, 0, Eigen::OuterStride<>>& samples, instruction_set isa,
                   std::vector<float>& expected) {
  const Eigen::MatrixXf dense = samples;
  const std::vector<float> outputs(dense.data(), dense.data() + dense.size());
  if (isa == instruction_set::scalar) expected = outputs;
  CHECK(differences(outputs, expected) == 0);
  for (index_t b = 0; b < samples.cols(); ++b)
    CHECK(std::isnan(samples.data()[b * samples.outerStride() + samples.outerStride() - 1]));
}

constexpr index_t lengths[] = {1, 2, 3, 15, 16, 17, 31, 35, 69, 300};

}  // namespace

TEST_CASE("activations are the same bits with every instruction set") {
  std::vector<float> x = sweep();
  x.insert(x.end(), {infinity, -infinity, not_a_number, -not_a_number});
  x.resize(x.size() + 12);
  for (const activation function : activations) {
    if (function == activation::softmax) continue;
    std::vector<float> expected;
    for_each_instruction_set([&](instruction_set isa) {
      const std::vector<float> y = applied(function, 0.7f, x);
      if (isa == instruction_set::scalar) expected = y;
      INFO(name(function) << ", " << name(isa));
      CHECK(differences(y, expected) == 0);
    });
  }
}

TEST_CASE("activations are as accurate as floats let them be") {
  const std::vector<float> x = sweep();
  for (const activation function : activations) {
    if (function == activation::softmax) continue;
    const std::vector<float> y = applied(function, 0.7f, x);
    index_t wrong = 0;
    float worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = exact(function, double{0.7f}, double{x[i]});
      if (std::fabs(double{y[i]} - expected) <= tolerance(function, double{x[i]}, expected)) continue;
      ++wrong;
      worst = x[i];
    }
    INFO(name(function) << " at " << worst);
    CHECK(wrong == 0);
  }
}

TEST_CASE("activations at zero and infinity") {
  const auto at = [](activation function, float x) {
    return applied(function, 0.5f, std::vector<float>(16, x)).front();
  };
  for (const activation function : activations) {
    if (function == activation::softmax) continue;
    CHECK(at(function, 0) == (function == activation::sigmoid ? 0.5f : 0.0f));
    const bool bounded = function == activation::sigmoid || function == activation::tanh;
    CHECK(at(function, infinity) == (bounded ? 1 : infinity));
  }
  CHECK(at(activation::relu, -infinity) == 0);
  CHECK(at(activation::leaky_relu, -infinity) == -infinity);
  CHECK(at(activation::elu, -infinity) == -0.5f);
  CHECK(at(activation::sigmoid, -infinity) == 0);
  CHECK(at(activation::tanh, -infinity) == -1);
}

TEST_CASE("activations have names and default parameters") {
  CHECK(name(activation::identity) == "identity");
  CHECK(name(activation::gelu_tanh) == "gelu_tanh");
  CHECK(name(activation::softmax) == "softmax");
  CHECK(pare::default_alpha(activation::leaky_relu) == 0.01f);
  CHECK(pare::default_alpha(activation::elu) == 1);
}

// e^(x - max): the difference is rounded once, the exponential is off by 2 eps; then n / 16 + 4 sums and a quotient.
TEST_CASE("softmax is accurate, sums to one and is the same with every instruction set, whatever the padding holds") {
  for (const index_t n : lengths)
    for (const float spread : {0.0f, 1.0f, 30.0f}) {
      const Eigen::MatrixXf samples = gaussian(n, 3, static_cast<std::uint32_t>(n)) * spread;
      const index_t stride = (n + 15) / 16 * 16 + 16;
      const std::vector<float> x = with_padding(samples, stride);
      std::vector<float> expected;
      for_each_instruction_set([&](instruction_set isa) {
        std::vector<float> y = x;
        active_kernels().softmax(y.data(), stride, 3, n);
        const Eigen::Map<Eigen::MatrixXf, 0, Eigen::OuterStride<>> got(y.data(), n, 3, stride);
        index_t wrong = 0;
        const double rounds = static_cast<double>(n) / 16 + 8;
        for (index_t b = 0; b < 3; ++b) {
          const Eigen::ArrayXd shifted = samples.col(b).cast<double>().array() - double{samples.col(b).maxCoeff()};
          const Eigen::ArrayXd oracle = shifted.exp() / shifted.exp().sum();
          for (index_t i = 0; i < n; ++i) {
            const double allowed = (rounds - shifted(i)) * eps * oracle(i) + 0x1p-126;
            wrong += !(std::fabs(double{got(i, b)} - oracle(i)) <= allowed);
          }
          const double sum = got.col(b).cast<double>().sum();
          wrong += !(std::fabs(sum - 1) <= (static_cast<double>(n) / 16 + 8) * eps);
        }
        INFO("n " << n << ", spread " << spread << ", " << name(isa));
        CHECK(wrong == 0);
        check_samples(got, isa, expected);
      });
    }
}

TEST_CASE("softmax survives huge differences and infinities") {
  const auto softmax = [](std::vector<float> x) {
    const auto n = static_cast<index_t>(x.size());
    x.resize(16, not_a_number);
    active_kernels().softmax(x.data(), 16, 1, n);
    x.resize(static_cast<std::size_t>(n));
    return x;
  };
  for_each_instruction_set([&](instruction_set) {
    CHECK(softmax({1e30f, 0}) == std::vector<float>{1, 0});
    CHECK(softmax({3e38f, -3e38f, 3e38f}) == std::vector<float>{0.5f, 0, 0.5f});
    CHECK(softmax({-infinity, 5, -infinity, 5}) == std::vector<float>{0, 0.5f, 0, 0.5f});
    CHECK(softmax({-1e30f, -1e30f, -1e30f, -1e30f}) == std::vector<float>{0.25f, 0.25f, 0.25f, 0.25f});
    CHECK(softmax({-7}) == std::vector<float>{1});
  });
}

// With u = eps / 2 and k = n / 16 + 10: the mean is off by d = k u mean|x|, the variance by k u of itself and d^2, the
// factor 1 / sqrt(variance + epsilon) by half of that and 3 u.
TEST_CASE("normalization agrees with double precision and between instruction sets, whatever the padding holds") {
  constexpr double epsilon = 1e-5;
  for (const bool layer_norm : {true, false})
    for (const index_t n : lengths)
      for (const float mean : {0.0f, 20.0f}) {
        const index_t stride = (n + 15) / 16 * 16 + 16;
        const Eigen::MatrixXf samples = gaussian(n, 3, 1).array() * 3 + mean;
        const Eigen::VectorXf gain = gaussian(n, 1, 2), shift = gaussian(n, 1, 3);
        const std::vector<float> x = with_padding(samples, stride);
        const std::vector<float> gains = with_padding(gain, stride), shifts = with_padding(shift, stride);
        std::vector<float> expected;
        for_each_instruction_set([&](instruction_set isa) {
          std::vector<float> y = x;
          active_kernels().normalize({y.data(), stride, 3, n, gains.data(), layer_norm ? shifts.data() : nullptr,
                                      static_cast<float>(epsilon)});
          const Eigen::Map<Eigen::MatrixXf, 0, Eigen::OuterStride<>> got(y.data(), n, 3, stride);
          const double u = eps / 2, k = static_cast<double>(n) / 16 + 10;
          index_t wrong = 0;
          for (index_t b = 0; b < 3; ++b) {
            const Eigen::ArrayXd in = samples.col(b).cast<double>();
            const Eigen::ArrayXd centered = layer_norm ? Eigen::ArrayXd(in - in.mean()) : in;
            const double variance = centered.square().mean() + double{static_cast<float>(epsilon)};
            const double factor = 1 / std::sqrt(variance);
            const double off = layer_norm ? k * u * in.abs().mean() : 0;
            for (index_t i = 0; i < n; ++i) {
              const double scale = std::fabs(double{gain(i)}) * factor;
              const double moved = layer_norm ? double{shift(i)} : 0;
              const double oracle = centered(i) * factor * double{gain(i)} + moved;
              const double allowed =
                  scale * (off + std::fabs(centered(i)) * (k * u + off * off / variance)) + 2 * u * std::fabs(oracle);
              wrong += !(std::fabs(double{got(i, b)} - oracle) <= allowed);
            }
          }
          INFO((layer_norm ? "layer norm" : "RMS norm") << ", n " << n << ", mean " << mean << ", " << name(isa));
          CHECK(wrong == 0);
          check_samples(got, isa, expected);
        });
      }
}

TEST_CASE("normalizing equal numbers gives the shift, and zeros stay zero without one") {
  for_each_instruction_set([](instruction_set) {
    std::vector<float> x(16, 5.0f), gain(16, 2.0f), shift(16, -1.5f);
    active_kernels().normalize({x.data(), 16, 1, 12, gain.data(), shift.data(), 1e-5f});
    CHECK(std::count(x.begin(), x.begin() + 12, -1.5f) == 12);
    std::vector<float> zero(16);
    active_kernels().normalize({zero.data(), 16, 1, 12, gain.data(), nullptr, 1e-5f});
    CHECK(std::count(zero.begin(), zero.begin() + 12, 0.0f) == 12);
  });
}

TEST_CASE("add rounds each sum once and stops where it should") {
  const Eigen::VectorXf a = gaussian(80, 1, 4), b = gaussian(80, 1, 5) * 1e-3f;
  for_each_instruction_set([&](instruction_set) {
    for (const index_t count : {0, 16, 48, 64}) {
      // One float off the alignment of the memory.
      std::vector<float> x(81), y(81);
      std::copy(a.begin(), a.end(), x.begin() + 1);
      std::copy(b.begin(), b.end(), y.begin() + 1);
      active_kernels().add(x.data() + 1, y.data() + 1, count);
      index_t wrong = 0;
      for (index_t i = 0; i < 80; ++i) wrong += x[static_cast<std::size_t>(i + 1)] != (i < count ? a(i) + b(i) : a(i));
      CHECK(wrong == 0);
    }
  });
}

// The search for the least squared error, against a plain one that tries one scale after the other.
#include <pare/quantize/affine.hpp>
#include <pare/quantize/search.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "catch.hpp"
#include "support.hpp"

using pare::quantize_options;
using pare::range;
using pare::scheme;
using pare::detail::code_range;
using pare::detail::group_range;
using pare::detail::least_scale;

namespace {

struct plain_sums {
  double cc = 0, vc = 0;

  double gain() const { return cc > 0 ? vc * vc / cc : 0; }
};

// Codes by the C library's rounding; all products are exact.
plain_sums sums_of(const std::vector<float>& values, double scale, const code_range& codes) {
  plain_sums sums;
  const float inverse = static_cast<float>(1 / scale);
  for (const float value : values) {
    const float x = value * inverse;
    const float code =
        codes.only_ends ? (x < 0 ? -1.0f : 1.0f)
                        : std::nearbyint(std::clamp(x, static_cast<float>(codes.low), static_cast<float>(codes.high)));
    sums.cc += double{code} * double{code};
    sums.vc += double{value} * double{code};
  }
  return sums;
}

double magnitude_of(const std::vector<float>& values) {
  double magnitude = 0;
  for (const float value : values) magnitude = std::max(magnitude, std::fabs(double{value}));
  return magnitude;
}

group_range plain_symmetric(const std::vector<float>& values, int bits) {
  const code_range codes = pare::detail::centered_codes(bits);
  const double magnitude = magnitude_of(values);
  const double reach = pare::detail::search_reach[static_cast<std::size_t>(bits)] * -codes.low + 1;
  group_range best{magnitude / codes.high, 0};
  double best_gain = -1;
  for (int step = 0; step < 16; ++step)
    for (const double sign : {1.0, -1.0}) {
      const double scale = sign * magnitude / (codes.high + reach * step / 15);
      if (std::fabs(scale) < least_scale) continue;
      const plain_sums sums = sums_of(values, scale, codes);
      if (sums.gain() <= best_gain) continue;
      best_gain = sums.gain();
      best.scale = sums.cc > 0 ? sums.vc / sums.cc : scale;
    }
  return best;
}

group_range plain_asymmetric(const std::vector<float>& values, int bits) {
  const double least = std::min(0.0, double{*std::min_element(values.begin(), values.end())});
  const double most = std::max(0.0, double{*std::max_element(values.begin(), values.end())});
  const double shrink = 0.5 * pare::detail::search_reach[static_cast<std::size_t>(std::max(bits, 2))];
  const int top = (1 << bits) - 1;
  group_range best{(most - least) / top, 0};
  if (best.scale >= least_scale) best.offset = std::nearbyint(static_cast<float>(-least / best.scale));
  double best_gain = -1;
  for (int i = 0; i < 12; ++i)
    for (int j = 0; j < 12; ++j) {
      const double low = least * (1 - shrink * i / 11), high = most * (1 - shrink * j / 11);
      const double scale = (high - low) / top;
      if (scale < least_scale) continue;
      const double zero = std::nearbyint(static_cast<float>(-low / scale));
      const plain_sums sums = sums_of(values, scale, {-static_cast<int>(zero), top - static_cast<int>(zero)});
      if (sums.gain() <= best_gain) continue;
      best_gain = sums.gain();
      best = {sums.cc > 0 ? sums.vc / sums.cc : scale, zero};
    }
  return best;
}

// Values of a group, of a kind that searches may stumble over.
std::vector<float> values_of(int kind, std::size_t size) {
  std::mt19937 bits(static_cast<unsigned>(size) * 10 + static_cast<unsigned>(kind));
  std::normal_distribution<float> normal;
  std::vector<float> values;
  while (values.size() < size) {
    const float value = normal(bits);
    switch (kind) {
      case 0: values.push_back(value); break;
      case 1: values.push_back(std::fabs(value)); break;                                        // one sign
      case 2: values.push_back(0.0f); break;                                                    // nothing
      case 3: values.push_back(-3.0f); break;                                                   // constant
      case 4: values.push_back(value * 1e-38f); break;                                          // scales of zero
      case 5: values.push_back(std::clamp(value, -1.0f, 1.0f) * 3.4e38f); break;                // huge
      case 6: values.push_back(std::ldexp(value, -static_cast<int>(bits() % 60))); break;       // of all sizes
      default: values.push_back(static_cast<float>(static_cast<int>(bits() % 15) - 7)); break;  // whole numbers
    }
  }
  return values;
}

}  // namespace

TEST_CASE("scales that are tried side by side give the scale of trying one after the other") {
  for (const std::size_t size : {1u, 2u, 31u, 32u, 33u, 255u, 256u, 257u, 1000u})
    for (int kind = 0; kind < 8; ++kind) {
      const std::vector<float> values = values_of(kind, size);
      for (int bits = 1; bits <= 8; ++bits) {
        INFO(size << " values of kind " << kind << ", " << bits << " bits");
        const auto symmetric = pare::detail::find_range(values, {.bits = bits, .scheme = scheme::symmetric});
        CHECK(symmetric.scale == plain_symmetric(values, bits).scale);
        const auto asymmetric = pare::detail::find_range(values, {.bits = bits, .scheme = scheme::asymmetric});
        CHECK(asymmetric.scale == plain_asymmetric(values, bits).scale);
        CHECK(asymmetric.offset == plain_asymmetric(values, bits).offset);
      }
    }
}

TEST_CASE("sums over codes are exact, however many values there are") {
  for (const std::size_t size : {0u, 1u, 255u, 256u, 257u, 5000u}) {
    std::vector<float> values(size);
    for (std::size_t i = 0; i < size; ++i) values[i] = static_cast<float>(i % 7);
    const auto sums = pare::detail::sum_trials<20>(values, [](float, std::array<float, 20>& levels) {
      for (std::size_t i = 0; i < 20; ++i) levels[i] = 255.0f - static_cast<float>(i);
    });
    double total = 0;
    for (const float value : values) total += double{value};
    for (std::size_t i = 0; i < 20; ++i) {
      const double code = 255.0 - static_cast<double>(i);
      CHECK(sums.cc[i] == static_cast<double>(size) * code * code);
      CHECK(sums.vc[i] == total * code);
    }
  }
}

TEST_CASE("the range of zeros of both signs does not depend on where they lie in memory") {
  std::vector<float> memory(100);
  for (const float first : {0.0f, -0.0f}) {
    std::vector<bool> signs;
    for (std::size_t offset = 0; offset < 16; ++offset) {
      const auto zeros = std::span<float>(memory).subspan(offset, 40);
      std::fill(zeros.begin(), zeros.end(), -first);
      zeros.front() = zeros[17] = first;
      signs.push_back(std::signbit(pare::detail::find_extremes(zeros, {.range = range::min_max}).low));
    }
    CHECK(signs == std::vector<bool>(16, std::signbit(first)));
  }
}

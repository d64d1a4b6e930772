// Floats through the coder: to the bit, and in few bytes where they are few.
#include <pare/storage/float_coder.hpp>

#include <limits>

#include "catch.hpp"
#include "coded.hpp"
#include "support.hpp"

using namespace pare::detail;

namespace {

std::vector<std::byte> encoded(std::vector<float> values) {
  range_encoder encoder;
  code_floats(encoder, values);
  return std::move(encoder).finish();
}

bool comes_back(const std::vector<float>& values) {
  const auto bytes = encoded(values);
  std::vector<float> out(values.size(), 7.0f);
  range_decoder decoder(bytes);
  code_floats(decoder, out);
  decoder.finish();
  return values.empty() || std::memcmp(values.data(), out.data(), values.size() * sizeof(float)) == 0;
}

std::vector<float> multiples(float step, int most, std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values)
    value = step * static_cast<float>(static_cast<int>(random() % static_cast<unsigned>(2 * most + 1)) - most);
  return values;
}

}  // namespace

TEST_CASE("floats of every kind come back to the bit") {
  using limits = std::numeric_limits<float>;
  CHECK(comes_back({}));
  CHECK(comes_back({0.0f}));
  CHECK(comes_back({-0.0f, 0.0f}));
  CHECK(comes_back({0.5f, -0.0f, 0.0f, -0.25f}));
  CHECK(comes_back({0.1f, 0.1f, 0.1f}));
  CHECK(comes_back({limits::max(), limits::lowest(), limits::min(), limits::denorm_min(), 1.0f, -1.0f}));
  CHECK(comes_back({limits::denorm_min(), 3 * limits::denorm_min()}));
  CHECK(comes_back({limits::infinity(), limits::quiet_NaN(), 1.0f}));
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<float> values(random() % 50);
    for (float& value : values) value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    REQUIRE(comes_back(values));
  }
}

TEST_CASE("multiples of a step come back to the bit, whatever the step") {
  for (const float step : {0x1p-5f, 0.1f, 0.0371f, 1e-30f, 3e20f, 1.0f})
    for (const int most : {1, 3, 40, 1000})
      for (const std::size_t count : {1u, 2u, 17u, 100u}) REQUIRE(comes_back(multiples(step, most, count, 2)));
}

TEST_CASE("a hundred multiples of a step take the entropy of their integers and some bytes for learning it") {
  for (const float step : {0x1p-5f, 0.0371f}) {
    const auto flat = encoded(multiples(step, 32, 100, 3));
    CHECK(static_cast<double>(flat.size()) <= 100 * std::log2(65) / 8 * 1.1 + 7);
    std::mt19937 random(4);
    std::normal_distribution<float> normal(0, 8);
    std::vector<float> peaked(100);
    for (float& value : peaked) value = step * std::nearbyint(normal(random));  // -0 among them
    // Normally distributed integers of deviation 8 have log2(8 sqrt(2 pi e)) = 5.05 bits.
    CHECK(static_cast<double>(encoded(peaked).size()) <= 100 * 5.05 / 8 * 1.1 + 7);
  }
}

TEST_CASE("equal floats take a few bytes however many there are") {
  CHECK(encoded(std::vector<float>(100'000, 0.0371f)).size() <= 6);
  CHECK(encoded(std::vector<float>(100'000, 0.0f)).size() <= 3);
  CHECK(encoded(std::vector<float>(100'000, 0.25f)).size() <= 3);
}

TEST_CASE("any floats take no more than their bits, and fewer where exponents repeat") {
  const Eigen::MatrixXf normal = gaussian(1000, 1, 5);
  const std::vector<float> values(normal.data(), normal.data() + normal.size());
  CHECK(encoded(values).size() <= 28 * 1000 / 8);
  std::mt19937 random(6);
  std::vector<float> noise(1000);
  for (float& value : noise) value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
  CHECK(encoded(noise).size() <= 4200);
}

TEST_CASE("an unknown kind of floats is refused") {
  range_encoder encoder;
  encoder.code_flat(3, 2);
  const auto bytes = std::move(encoder).finish();
  range_decoder decoder(bytes);
  std::vector<float> out(3);
  CHECK(error_message<pare::format_error>([&] { code_floats(decoder, std::span(out)); }) == "unknown kind of floats 3");
}

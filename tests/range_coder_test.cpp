// The range coder: what was coded comes back, in hardly more bytes than it has information.
#include <pare/storage/adaptive_bit.hpp>
#include <pare/storage/number_model.hpp>
#include <pare/storage/range_coder.hpp>

#include "catch.hpp"
#include "coded.hpp"
#include "support.hpp"

using namespace pare::detail;

namespace {

struct coded_bit {
  bool bit;
  probability one;
};

std::vector<std::byte> encoded(const std::vector<coded_bit>& bits) {
  range_encoder encoder;
  for (const auto& [bit, one] : bits) encoder.code(bit, one);
  return std::move(encoder).finish();
}

bool decodes_to(const std::vector<std::byte>& bytes, const std::vector<coded_bit>& bits) {
  range_decoder decoder(bytes);
  bool equal = true;
  for (const auto& [bit, one] : bits) equal = equal && decoder.code(false, one) == bit;
  decoder.finish();
  return equal;
}

double information(const std::vector<coded_bit>& bits) {
  information_counter counter;
  for (const auto& [bit, one] : bits) counter.code(bit, one);
  return counter.bits;
}

}  // namespace

TEST_CASE("bits of any probability come back from as many bytes as they have information") {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<coded_bit> bits(random() % 2000);
    const probability extreme = 1u << random() % 17;
    for (auto& [bit, one] : bits) {
      one = std::clamp(static_cast<probability>(random() % extreme), 1u, 65535u);
      if (random() % 2 == 0) one = 65536 - one;
      bit = random() % 65536 < one;
    }
    const auto bytes = encoded(bits);
    REQUIRE(decodes_to(bytes, bits));
    // The range loses less than 2^-24 of itself per bit; what is left of it at the end takes at most a byte.
    REQUIRE(static_cast<double>(bytes.size()) <= information(bits) / 8 * 1.0001 + 2);
  }
}

TEST_CASE("the least likely bits come back, one after another") {
  for (const bool bit : {false, true})
    for (const std::size_t count : {0u, 1u, 2u, 3u, 100u}) {
      const std::vector<coded_bit> bits(count, {bit, bit ? 1u : 65535u});
      CHECK(decodes_to(encoded(bits), bits));
      CHECK(encoded(bits).size() <= 2 * count + 2);
    }
}

TEST_CASE("a carry goes through any number of bytes") {
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    // Bits that stay at the upper end of the range leave bytes of 255 behind; one at the lower end may carry.
    std::vector<coded_bit> bits(random() % 40, {false, 1});
    for (int i = 0; i < 40; ++i) bits.push_back({random() % 2 == 0, random() % 2 == 0 ? 1u : 65535u});
    REQUIRE(decodes_to(encoded(bits), bits));
  }
}

TEST_CASE("a million bits that are all but certain take three bytes") {
  const std::vector<coded_bit> bits(1'000'000, {false, 1});
  CHECK(encoded(bits).size() <= static_cast<std::size_t>(information(bits) / 8) + 2);
  CHECK(encoded(bits).size() <= 5);
}

TEST_CASE("flat numbers of every width come back") {
  std::mt19937 random(3);
  std::vector<std::pair<std::uint32_t, int>> numbers;
  for (int i = 0; i < 3000; ++i) {
    const int bits = static_cast<int>(random() % 33);
    numbers.emplace_back(bits == 0 ? 0 : static_cast<std::uint32_t>(random()) >> (32 - bits), bits);
  }
  range_encoder encoder;
  double total = 0;
  for (const auto& [number, bits] : numbers) encoder.code_flat(number, bits), total += bits;
  const auto bytes = std::move(encoder).finish();
  CHECK(static_cast<double>(bytes.size()) <= total / 8 * 1.0001 + 2);
  range_decoder decoder(bytes);
  for (const auto& [number, bits] : numbers) REQUIRE(decoder.code_flat(0, bits) == number);
  decoder.finish();
}

TEST_CASE("bytes that are too few or too many are refused") {
  std::vector<coded_bit> bits(500, {true, 20000});
  const auto bytes = encoded(bits);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(error_message<pare::format_error>([&] { decodes_to(cut, bits); }) != "");
  }
  auto longer = bytes;
  longer.push_back(std::byte{0});
  CHECK(error_message<pare::format_error>([&] { decodes_to(longer, bits); }).find("coded bytes, of which") !=
        std::string::npos);
}

TEST_CASE("an adaptive bit costs what its frequency says and a few bits more") {
  std::mt19937 random(4);
  for (const double rate : {0.0, 0.001, 0.1, 0.5, 1.0}) {
    information_counter counter;
    adaptive_bit model;
    double ones = 0;
    constexpr int count = 20000;
    for (int i = 0; i < count; ++i) {
      const bool bit = std::bernoulli_distribution(rate)(random);
      ones += bit;
      model.code(counter, bit);
    }
    const double share = ones / count;
    const double entropy =
        share == 0 || share == 1 ? 0 : -count * (share * std::log2(share) + (1 - share) * std::log2(1 - share));
    // Learning takes about log2(count) / 2 bits, and steps of 1/1024 that do not end log2(e) / 4 · count / 1024.
    CHECK(counter.bits <= entropy + std::log2(count) + 0.37 * count / 1024);
  }
}

TEST_CASE("numbers of every size come back") {
  std::vector<std::uint32_t> numbers{0, 1, 2, 3, 4, 7, 8, 100, 65535, 65536, 0x7fffffff, 0xfffffffe};
  std::mt19937 random(5);
  for (int i = 0; i < 1000; ++i) numbers.push_back(static_cast<std::uint32_t>(random()) >> random() % 32 >> 1);
  range_encoder encoder;
  number_model writing;
  for (const std::uint32_t number : numbers) writing.code(encoder, number);
  const auto bytes = std::move(encoder).finish();
  range_decoder decoder(bytes);
  number_model reading;
  for (const std::uint32_t number : numbers) REQUIRE(reading.code(decoder, 0) == number);
  decoder.finish();
}

TEST_CASE("integers of either sign come back, and take the entropy of a narrow source and a tenth more") {
  std::mt19937 random(6);
  std::vector<std::int32_t> numbers{0, 1, -1, 1 << 20, -(1 << 20)};
  for (int i = 0; i < 5000; ++i) numbers.push_back(static_cast<std::int32_t>(random() % 33) - 16);
  range_encoder encoder;
  integer_model writing;
  for (const std::int32_t number : numbers) writing.code(encoder, number);
  const auto bytes = std::move(encoder).finish();
  CHECK(static_cast<double>(bytes.size()) <= 5000 * std::log2(33) / 8 * 1.1);
  range_decoder decoder(bytes);
  integer_model reading;
  for (const std::int32_t number : numbers) REQUIRE(reading.code(decoder, 0) == number);
}

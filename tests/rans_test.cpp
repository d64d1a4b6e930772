// rANS: blocks of symbols come back, in hardly more bytes than their entropy.
#include <pare/storage/rans_encoder.hpp>

#include "catch.hpp"
#include "coded.hpp"
#include "support.hpp"

using namespace pare::detail;

namespace {

std::vector<std::uint32_t> frequencies_of(const std::vector<std::uint8_t>& symbols, int bits) {
  std::vector<std::uint64_t> counts(std::size_t{1} << bits);
  for (const std::uint8_t symbol : symbols) ++counts[symbol];
  return rans_frequencies(counts);
}

std::vector<std::uint8_t> decoded(const std::vector<std::byte>& bytes, const std::vector<std::uint32_t>& frequencies,
                                  std::size_t count) {
  std::vector<std::uint8_t> symbols(count);
  rans_decoder decoder(bytes);
  decoder.decode(frequencies, symbols);
  REQUIRE(decoder.left() == 0);
  return symbols;
}

}  // namespace

TEST_CASE(
    "symbols of independent sources take at most 0.2 % more than their entropy, the states and a slot for the rare") {
  for (const auto& [bits, weights] : every_source()) {
    const auto symbols = drawn_symbols(weights, 200'000, 1);
    const auto frequencies = frequencies_of(symbols, bits);
    std::vector<std::byte> bytes;
    rans_encode(symbols, frequencies, bytes);
    // A symbol that is due less than one slot takes one from the others.
    double taken = 0;
    for (const std::uint32_t frequency : frequencies) taken += frequency == 1;
    const double rare = 200'000 * std::log2(1 + taken / rans_slots) / 8;
    INFO(bits << " bits, the first symbol " << weights[0]);
    CHECK(static_cast<double>(bytes.size()) <= entropy_of(symbols) / 8 * 1.002 + 32 + rare);
    REQUIRE(decoded(bytes, frequencies, symbols.size()) == symbols);
  }
}

TEST_CASE("blocks of every length around the number of states come back") {
  const std::vector<double> weights{1, 5, 0, 20};
  for (std::size_t count = 1; count < 70; ++count) {
    const auto symbols = drawn_symbols(weights, count, static_cast<std::uint32_t>(count));
    const auto frequencies = frequencies_of(symbols, 2);
    std::vector<std::byte> bytes;
    rans_encode(symbols, frequencies, bytes);
    REQUIRE(decoded(bytes, frequencies, count) == symbols);
  }
}

TEST_CASE("one symbol alone takes no more than the states") {
  const std::vector<std::uint8_t> symbols(100'000, 3);
  const auto frequencies = frequencies_of(symbols, 2);
  CHECK(frequencies == std::vector<std::uint32_t>{0, 0, 0, rans_slots});
  std::vector<std::byte> bytes;
  rans_encode(symbols, frequencies, bytes);
  CHECK(bytes.size() == 32);
  CHECK(decoded(bytes, frequencies, symbols.size()) == symbols);
}

TEST_CASE("frequencies add up and leave no symbol out that occurs") {
  std::mt19937 random(2);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::uint64_t> counts(1 + random() % 256);
    for (auto& count : counts) count = random() % 4 == 0 ? 0 : random() % (1u << random() % 31) + 1;
    counts[random() % counts.size()] += 1;
    const auto frequencies = rans_frequencies(counts);
    std::uint64_t sum = 0;
    for (std::size_t s = 0; s < counts.size(); ++s) {
      sum += frequencies[s];
      REQUIRE((frequencies[s] > 0) == (counts[s] > 0));
    }
    REQUIRE(sum == rans_slots);
  }
}

TEST_CASE("blocks follow one another, and what is behind them is left") {
  const auto first = drawn_symbols({1, 2}, 1000, 1), second = drawn_symbols({3, 2, 1, 1}, 777, 2);
  std::vector<std::byte> bytes;
  rans_encode(first, frequencies_of(first, 1), bytes);
  rans_encode(second, frequencies_of(second, 2), bytes);
  bytes.push_back(std::byte{7});
  rans_decoder decoder(bytes);
  std::vector<std::uint8_t> a(first.size()), b(second.size());
  decoder.decode(frequencies_of(first, 1), a);
  decoder.decode(frequencies_of(second, 2), b);
  CHECK(a == first);
  CHECK(b == second);
  CHECK(decoder.left() == 1);
}

TEST_CASE("a block that was cut or changed is refused, or decodes to other symbols") {
  const auto symbols = drawn_symbols({5, 3, 2, 1}, 300, 3);
  const auto frequencies = frequencies_of(symbols, 2);
  std::vector<std::byte> bytes;
  rans_encode(symbols, frequencies, bytes);
  const auto message = [&](const std::vector<std::byte>& from) {
    return error_message<pare::format_error>([&] { decoded(from, frequencies, symbols.size()); });
  };
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK(message({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)}) != "");
  std::size_t refused = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] ^= std::byte{16};
    std::vector<std::uint8_t> out(symbols.size());
    refused += error_message<pare::format_error>([&] { rans_decoder(changed).decode(frequencies, out); }) != "";
  }
  CHECK(refused == bytes.size());  // the states do not come back to where they began
}

TEST_CASE("frequencies that do not add up are refused") {
  std::vector<std::uint8_t> out(10);
  for (const std::vector<std::uint32_t>& wrong :
       {std::vector<std::uint32_t>{}, {0, 0}, {rans_slots, 1}, {rans_slots - 1}, {0xffffffffu, rans_slots + 1}}) {
    const std::vector<std::byte> bytes(64);
    CHECK(error_message<pare::format_error>([&] { rans_decoder(bytes).decode(wrong, out); }) != "");
  }
}

// Probabilities that learn from the bits coded with them.
#pragma once

#include <array>
#include <cstdint>

#include <pare/storage/range_coder.hpp>

namespace pare::detail {

// The n-th bit moves a probability by 1 / (n + 1.5) of the way to what it was, in units of 2^-16: so the first ones
// count for much, and later ones make the mean of all of them.
inline constexpr std::uint32_t most_seen = 1023;
inline constexpr auto learning_rates = [] {
  std::array<std::uint16_t, most_seen + 1> rates{};
  for (std::uint32_t n = 0; n <= most_seen; ++n) rates[n] = static_cast<std::uint16_t>((2u << 16) / (2 * n + 3));
  return rates;
}();

// How often a bit is 1, learned with ever smaller steps; 1/2 at first.
class adaptive_bit {
 public:
  adaptive_bit() = default;
  // Begins as if `seen` bits, at most 1023, had had this probability.
  adaptive_bit(probability one, std::uint32_t seen) : state_(one << 16 | seen) {}

  probability one() const { return state_ >> 16 | 1; }
  std::uint32_t seen() const { return state_ & most_seen; }

  // first ? a : b, without a branch.
  static adaptive_bit either(bool first, adaptive_bit a, adaptive_bit b) {
    const std::uint32_t mask = -std::uint32_t{first};
    a.state_ = (a.state_ & mask) | (b.state_ & ~mask);
    return a;
  }

  void learn(bool bit) {
    const std::uint32_t n = seen();
    const std::int64_t goal = bit ? (1 << 22) - 1 : 0;
    const std::int64_t step = (goal - (state_ >> 10)) * learning_rates[n] >> 16;
    state_ += (static_cast<std::uint32_t>(step) << 10) + (n < most_seen);
  }

  template <class Coder>
  bool code(Coder& coder, bool bit) {
    bit = coder.code(bit, one());
    learn(bit);
    return bit;
  }

  // The same for one that is hard to foresee.
  template <class Coder>
  bool code_random(Coder& coder, bool bit) {
    bit = coder.code_random(bit, one());
    learn(bit);
    return bit;
  }

 private:
  std::uint32_t state_ = 1u << 31;  // the probability in units of 2^-22, and how many bits were seen in 10 bits
};

}  // namespace pare::detail

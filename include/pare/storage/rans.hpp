// Interleaved rANS with static frequencies: symbols of up to 8 bits, several at a time.
// Duda 2013, "Asymmetric numeral systems", arXiv 1311.2540; interleaving: Giesen 2014, arXiv 1402.3392.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <pare/tensor/error.hpp>

namespace pare::detail {

// Symbol s has f_s of 2^14 slots, the first of which is c_s, the sum of those before it. Symbol i goes through state
// i mod 8, a number x from 2^16 to 2^32 - 1:
//   decoding   slot = x mod 2^14, which tells s;  x = f_s · (x / 2^14) + slot - c_s;  if x < 2^16, x = x · 2^16 + next
//   word encoding   the reverse, from the last symbol to the first
// A block is the 8 states before the first symbol, u32, and the words, u16. After the last all states are 2^16.
inline constexpr int rans_bits = 14;
inline constexpr std::uint32_t rans_slots = 1u << rans_bits;
inline constexpr std::uint32_t rans_least = 1u << 16;
inline constexpr std::size_t rans_states = 8;

struct rans_symbol {
  std::uint32_t frequency = 0;
  std::uint32_t start = 0;
};

// Throws format_error unless there are 1 to 256 frequencies with the sum 2^14.
inline std::array<rans_symbol, 256> rans_symbols(std::span<const std::uint32_t> frequencies) {
  std::array<rans_symbol, 256> symbols{};
  std::uint64_t start = 0;
  for (std::size_t s = 0; s < frequencies.size(); ++s) {
    symbols[s] = {frequencies[s], static_cast<std::uint32_t>(std::min<std::uint64_t>(start, rans_slots))};
    start += frequencies[s];
  }
  require<format_error>(start == rans_slots, "has frequencies whose sum is ", start, ", must be ", rans_slots);
  return symbols;
}

// Takes blocks off the front of bytes. Throws format_error where they do not suffice or do not end as they must.
class rans_decoder {
 public:
  explicit rans_decoder(std::span<const std::byte> bytes) : left_(bytes) {}

  void decode(std::span<const std::uint32_t> frequencies, std::span<std::uint8_t> out) {
    const auto table = rans_symbols(frequencies);
    std::array<std::uint8_t, rans_slots> symbol_of;
    for (std::size_t s = 0; s < frequencies.size(); ++s)
      std::fill_n(symbol_of.data() + table[s].start, table[s].frequency, static_cast<std::uint8_t>(s));
    std::array<std::uint32_t, rans_states> states;
    require<format_error>(left_.size() >= sizeof states, "ends within coded symbols");
    std::memcpy(states.data(), left_.data(), sizeof states);
    for (const std::uint32_t x : states) require<format_error>(x >= rans_least, "has symbols in a state of ", x);
    const std::byte* next = left_.data() + sizeof states;
    const std::byte* const end = left_.data() + left_.size();

    std::uint8_t* to = out.data();
    std::size_t count = out.size();
    for (; count >= rans_states && end - next >= 2 * std::ptrdiff_t{rans_states};
         count -= rans_states, to += rans_states)
      for (std::size_t i = 0; i < rans_states; ++i) {
        const std::uint32_t x = step(table, symbol_of, states[i], to[i]);
        std::uint16_t word;
        std::memcpy(&word, next, sizeof word);
        const std::uint32_t needs = x < rans_least;  // no branch: which states need a word is as good as random
        states[i] = x << 16 * needs | (word & (0u - needs));
        next += 2 * needs;
      }
    for (std::size_t i = 0; i < count; ++i) {
      std::uint32_t& x = states[i % rans_states];
      x = step(table, symbol_of, x, to[i]);
      if (x >= rans_least) continue;
      require<format_error>(end - next >= 2, "ends within coded symbols");
      std::uint16_t word;
      std::memcpy(&word, next, sizeof word);
      x = x << 16 | word;
      next += 2;
    }
    for (const std::uint32_t x : states)
      require<format_error>(x == rans_least, "has coded symbols that end in a state of ", x, ", must be ", rans_least);
    left_ = {next, end};
  }

  std::size_t left() const { return left_.size(); }

 private:
  static std::uint32_t step(const std::array<rans_symbol, 256>& table,
                            const std::array<std::uint8_t, rans_slots>& symbol_of, std::uint32_t x, std::uint8_t& out) {
    const std::uint32_t slot = x % rans_slots;
    out = symbol_of[slot];
    const rans_symbol& s = table[out];
    return s.frequency * (x >> rans_bits) + slot - s.start;
  }

  std::span<const std::byte> left_;
};

}  // namespace pare::detail

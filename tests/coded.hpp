// What the tests of coders share: a coder that only counts, and sources of known entropy.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <pare/storage/range_coder.hpp>

// Takes bits like an encoder and sums up their information under the probabilities that came with them.
struct information_counter {
  static constexpr bool decodes = false;
  double bits = 0;

  bool code(bool bit, pare::detail::probability one) {
    bits -= std::log2((bit ? one : 65536 - one) / 65536.0);
    return bit;
  }
  bool code_random(bool bit, pare::detail::probability one) { return code(bit, one); }
  std::uint32_t code_flat(std::uint32_t value, int count) {
    bits += count;
    return value;
  }
};

// Symbols drawn independently with the given weights.
inline std::vector<std::uint8_t> drawn_symbols(const std::vector<double>& weights, std::size_t count,
                                               std::uint32_t seed) {
  std::mt19937 random(seed);
  std::discrete_distribution<int> draw(weights.begin(), weights.end());
  std::vector<std::uint8_t> symbols(count);
  for (std::uint8_t& symbol : symbols) symbol = static_cast<std::uint8_t>(draw(random));
  return symbols;
}

// Bits that the symbols need by their own frequencies: the least for any code that does not know their order.
inline double entropy_of(const std::vector<std::uint8_t>& symbols) {
  std::vector<double> counts(256);
  for (const std::uint8_t symbol : symbols) ++counts[symbol];
  double bits = 0;
  for (const double count : counts)
    if (count > 0) bits -= count * std::log2(count / static_cast<double>(symbols.size()));
  return bits;
}

struct source {
  int bits;
  std::vector<double> weights;
};

// Flat, skewed (each symbol less likely than the one before) and, from 2 bits on, sparse ones in which the middle code
// has 90 or 99 % and the others share the rest.
inline std::vector<source> every_source() {
  std::vector<source> sources;
  for (const int bits : {1, 2, 3, 4, 5, 8}) {
    const std::size_t size = std::size_t{1} << bits;
    sources.push_back({bits, std::vector<double>(size, 1.0)});
    std::vector<double> skewed(size, 1.0);
    for (std::size_t i = 1; i < size; ++i) skewed[i] = skewed[i - 1] * std::pow(0.5, 8.0 / static_cast<double>(size));
    sources.push_back({bits, skewed});
    for (const double zeros : {0.9, 0.99}) {
      if (bits == 1) continue;
      std::vector<double> sparse(size, (1 - zeros) / static_cast<double>(size - 1));
      sparse[size / 2] = zeros;
      sources.push_back({bits, sparse});
    }
  }
  return sources;
}

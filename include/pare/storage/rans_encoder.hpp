// The encoding side of rans.hpp: which frequencies, and the blocks.
#pragma once

#include <vector>

#include <pare/storage/rans.hpp>

namespace pare::detail {

// Slots for symbols [0, counts.size()) in proportion to their counts, at least one for each that occurs; the counts
// must not all be zero. What rounding leaves over goes where it is nearest to being due.
inline std::vector<std::uint32_t> rans_frequencies(const std::vector<std::uint64_t>& counts) {
  std::uint64_t total = 0;
  for (const std::uint64_t count : counts) total += count;
  std::vector<std::uint32_t> frequencies;
  std::vector<std::int64_t> excess;  // in units of 2^-14 / total
  std::int64_t left = rans_slots;
  for (const std::uint64_t count : counts) {
    const std::uint64_t share = (count * rans_slots + total / 2) / total;
    frequencies.push_back(static_cast<std::uint32_t>(count == 0 ? 0 : std::max<std::uint64_t>(share, 1)));
    excess.push_back(static_cast<std::int64_t>(frequencies.back() * total - count * rans_slots));
    left -= frequencies.back();
  }
  for (; left != 0; left += left > 0 ? -1 : 1) {
    std::size_t best = counts.size();
    for (std::size_t s = 0; s < counts.size(); ++s) {
      if (left > 0 ? frequencies[s] == 0 : frequencies[s] <= 1) continue;
      if (best == counts.size() || (left > 0 ? excess[s] < excess[best] : excess[s] > excess[best])) best = s;
    }
    frequencies[best] += left > 0 ? 1u : ~0u;
    excess[best] += static_cast<std::int64_t>(left > 0 ? total : ~total + 1);
  }
  return frequencies;
}

// Appends a block to `out`. Every symbol must have a frequency above zero.
inline void rans_encode(std::span<const std::uint8_t> symbols, std::span<const std::uint32_t> frequencies,
                        std::vector<std::byte>& out) {
  const auto table = rans_symbols(frequencies);
  std::array<std::uint32_t, rans_states> states;
  states.fill(rans_least);
  std::vector<std::uint16_t> words;
  for (std::size_t i = symbols.size(); i-- > 0;) {
    const rans_symbol& s = table[symbols[i]];
    std::uint32_t& x = states[i % rans_states];
    if (x >= std::uint64_t{s.frequency} << (32 - rans_bits)) {
      words.push_back(static_cast<std::uint16_t>(x));
      x >>= 16;
    }
    x = (x / s.frequency << rans_bits) + x % s.frequency + s.start;
  }
  std::reverse(words.begin(), words.end());
  const std::size_t begin = out.size();
  out.resize(begin + sizeof states + 2 * words.size());
  std::memcpy(out.data() + begin, states.data(), sizeof states);
  std::copy_n(reinterpret_cast<const std::byte*>(words.data()), 2 * words.size(), out.data() + begin + sizeof states);
}

}  // namespace pare::detail

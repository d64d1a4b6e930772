// Integers in bits that adapt: numbers whose size is not known beforehand, and codes of a few bits.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <pare/storage/adaptive_bit.hpp>

namespace pare::detail {

// Numbers from 0 to 2^32 - 2, small ones being likely: an exponential Golomb code (Teuhola 1978) of adaptive bits. The
// number plus 1 has n bits behind its leading one: n times a 1 and a 0 (none behind 31 times), then those bits, of
// which the first adapts for every n and the others are flat.
class number_model {
 public:
  template <class Coder>
  [[gnu::noinline]] std::uint32_t code(Coder& coder, std::uint32_t number) {
    const int wanted = static_cast<int>(std::bit_width(number + 1)) - 1;
    int bits = 0;
    while (bits < 31 && length_[bits].code(coder, bits < wanted)) ++bits;
    if (bits == 0) return 0;
    const std::uint32_t first = first_[bits].code(coder, (number + 1) >> (bits - 1) & 1);
    const std::uint32_t others = (1u << (bits - 1)) - 1;
    return ((2u | first) << (bits - 1) | coder.code_flat((number + 1) & others, bits - 1)) - 1;
  }

 private:
  adaptive_bit length_[31];
  adaptive_bit first_[32];
};

// Integers of either sign: whether it is 0, its sign, its magnitude less 1.
class integer_model {
 public:
  template <class Coder>
  std::int32_t code(Coder& coder, std::int32_t value) {
    if (zero_.code(coder, value == 0)) return 0;
    const bool negative = negative_.code(coder, value < 0);
    const auto magnitude = magnitude_.code(coder, static_cast<std::uint32_t>(negative ? -value : value) - 1) & most;
    return negative ? -static_cast<std::int32_t>(magnitude) - 1 : static_cast<std::int32_t>(magnitude) + 1;
  }

 private:
  static constexpr std::uint32_t most = 0x3fffffff;

  adaptive_bit zero_, negative_;
  number_model magnitude_;
};

// Codes of `bits` bits, of which the first `adaptive` ones, from the highest on, each adapt to those before them, and
// the others are flat.
class code_model {
 public:
  explicit code_model(int bits, int adaptive)
      : flat_(bits - adaptive), adaptive_(adaptive), nodes_(std::size_t{2} << adaptive) {}
  explicit code_model(int bits) : code_model(bits, bits) {}

  template <class Coder>
  std::uint32_t code(Coder& coder, std::uint32_t value) {
    std::uint32_t node = 1;
    adaptive_bit here = nodes_[1];
    for (int i = adaptive_ - 1; i >= 0; --i) {
      const adaptive_bit zero = nodes_[2 * node], one = nodes_[2 * node + 1];  // before it is known which comes next
      const bool bit = here.code_random(coder, value >> (flat_ + i) & 1);
      nodes_[node] = here;
      node = node << 1 | std::uint32_t{bit};
      here = adaptive_bit::either(bit, one, zero);
    }
    const std::uint32_t upper = node - (1u << adaptive_);
    if (flat_ == 0) return upper;
    return upper << flat_ | coder.code_flat(value & ((1u << flat_) - 1), flat_);
  }

 private:
  int flat_, adaptive_;
  std::vector<adaptive_bit> nodes_;  // below a node n are 2 n and 2 n + 1, below the last ones unused ones
};

}  // namespace pare::detail

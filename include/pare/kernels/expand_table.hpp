// Where bytes go that are spread out over the ones of a mask: for instruction sets with a byte shuffle and no expand.
#pragma once

#include <array>
#include <cstdint>

namespace pare::detail {

// For each mask of 8 bits, 8 indices, the first in the lowest byte: how many ones lie below an element that is one, and
// 255 for an element that is zero.
inline constexpr std::array<std::uint64_t, 256> expand_table = [] {
  std::array<std::uint64_t, 256> table{};
  for (unsigned mask = 0; mask < 256; ++mask) {
    std::uint64_t ones = 0;
    for (unsigned i = 0; i < 8; ++i) table[mask] |= (mask >> i & 1 ? ones++ : 255) << (8 * i);
  }
  return table;
}();

}  // namespace pare::detail

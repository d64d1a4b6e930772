// How a network is saved.
#pragma once

#include <cstdint>
#include <span>

namespace pare {

// How a file holds a network; the same network comes back from each.
enum class coding : std::uint16_t {
  mapped = 1,  // as it lies in memory: used where the file is mapped
  small = 2,   // the fewest bytes, by an adaptive coder
  fast = 3,    // few bytes, by static frequencies: faster to decode
};

struct save_options {
  // The input [inputs] that is recorded with its output; empty means numbers in [-1, 1) that are always the same.
  std::span<const float> sample = {};
  pare::coding coding = coding::mapped;
};

}  // namespace pare

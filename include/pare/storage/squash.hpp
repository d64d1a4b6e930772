// Logistic functions in integers: between probabilities and their log odds, the same on every machine.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include <pare/storage/range_coder.hpp>

namespace pare::detail {

// ln(p / (1 - p)) in units of 1/256.
using log_odds = std::int32_t;
inline constexpr log_odds most_odds = 2895;  // of 65535/65536 is 2839; beyond nothing changes

// d_0 = 2^32, d_i = d_(i-1) · 4278222805 / 2^32 rounded down, which is 2^32 · e^(-i / 256);
// squash(-i) = 2^16 · d_i / (2^32 + d_i) rounded down, at least 1; squash(i) = 2^16 - squash(-i).
// stretch(p) is the largest x with squash(x) <= p; from 4096 on p is rounded down to a multiple of 16.
class logistic_tables {
 public:
  logistic_tables() {
    std::uint64_t d = std::uint64_t{1} << 32;
    for (log_odds i = 0; i <= most_odds; ++i, d = d * 4278222805u >> 32) {
      const std::uint64_t p = (d << probability_bits) / ((std::uint64_t{1} << 32) + d);
      squashed_[static_cast<std::size_t>(most_odds - i)] = static_cast<std::uint16_t>(std::max<std::uint64_t>(p, 1));
      squashed_[static_cast<std::size_t>(most_odds + i)] =
          static_cast<std::uint16_t>(65536 - squashed_[static_cast<std::size_t>(most_odds - i)]);
    }
    log_odds x = -most_odds;
    for (probability p = 0; p < 65536; p += p < fine ? 1 : 16) {
      while (x < most_odds && squashed_[static_cast<std::size_t>(x + 1 + most_odds)] <= p) ++x;
      stretched_[p < fine ? p : fine + p / 16] = static_cast<std::int16_t>(x);
    }
  }

  // From -most_odds to most_odds.
  probability squash(log_odds x) const { return squashed_[static_cast<std::size_t>(x + most_odds)]; }
  log_odds stretch(probability p) const { return stretched_[p < fine ? p : fine + p / 16]; }

 private:
  static constexpr probability fine = 1 << 12;

  std::array<std::uint16_t, 2 * most_odds + 1> squashed_;
  std::array<std::int16_t, fine + 65536 / 16> stretched_;
};

// Made at first use. Keep the reference where many are looked up.
inline const logistic_tables& logistic() {
  static const logistic_tables tables;
  return tables;
}

}  // namespace pare::detail

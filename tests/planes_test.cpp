// Bit planes of k-bit codes.
#include <pare/storage/planes.hpp>

#include <algorithm>
#include <bit>
#include <random>
#include <vector>

#include "catch.hpp"

using namespace pare::detail;

namespace {

// The widths in which the comment in planes.hpp cuts a code, widest and lowest bits first.
const std::vector<std::vector<int>> widths = {{}, {1}, {2}, {2, 1}, {4}, {4, 1}, {4, 2}, {4, 2, 1}, {8}};

// Bytes of the planes of `steps` steps, counted vector by vector: each holds 8 / width steps.
std::ptrdiff_t counted_bytes(int bits, int steps) {
  std::ptrdiff_t vectors = 0;
  for (; steps > 0; steps -= 8)
    for (const int width : widths[static_cast<std::size_t>(bits)])
      for (int held = 0; held < std::min(steps, 8); held += 8 / width) ++vectors;
  return vectors * 64;
}

// Code i of a step, read as the comment in planes.hpp describes it.
int described_code(const std::vector<std::byte>& planes, int bits, int steps, int step, int i) {
  std::size_t at = 0;
  for (; step >= 8; step -= 8, steps -= 8) at += static_cast<std::size_t>(counted_bytes(bits, 8));
  int code = 0, low_bit = 0;
  for (const int width : widths[static_cast<std::size_t>(bits)]) {
    const int held = 8 / width;
    const std::byte byte = planes[at + static_cast<std::size_t>(step / held * 64 + i)];
    code |= (std::to_integer<int>(byte) >> step % held * width & ((1 << width) - 1)) << low_bit;
    low_bit += width;
    at += static_cast<std::size_t>((std::min(steps, 8) + held - 1) / held * 64);
  }
  return code;
}

}  // namespace

TEST_CASE("a step is 16 rows of 4 columns") {
  static_assert(panel_rows == 16 && step_cols == 4 && step_codes == 64 && chunk_steps == 8);
}

TEST_CASE("planes take as many vectors as their widths need, partial chunks included") {
  for (int bits = 1; bits <= 8; ++bits) {
    CHECK(chunk_bytes(bits, 8) == bits * 64);
    for (int steps = 0; steps <= 25; ++steps) CHECK(planes_bytes(bits, steps) == counted_bytes(bits, steps));
  }
  CHECK(planes_bytes(3, 9) == 3 * 64 + 2 * 64);
  CHECK(planes_bytes(7, 1) == 3 * 64);
  CHECK(planes_bytes(4, 3) == 2 * 64);
}

TEST_CASE("codes that are written are read again, lie where they are said to, and nowhere else") {
  std::mt19937 generator(1);
  for (int bits = 1; bits <= 8; ++bits)
    for (const int steps : {1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17}) {
      std::vector<std::byte> planes(static_cast<std::size_t>(planes_bytes(bits, steps)));
      std::vector<std::array<std::uint8_t, 64>> codes(static_cast<std::size_t>(steps));
      for (auto& step : codes)
        for (auto& code : step) code = static_cast<std::uint8_t>(generator() % (1u << bits));
      for (int s = 0; s < steps; ++s) write_step(planes.data(), bits, steps, s, codes[static_cast<std::size_t>(s)]);
      int wrong = 0, ones = 0, stored_ones = 0;
      for (int s = 0; s < steps; ++s)
        for (int i = 0; i < 64; ++i) {
          const int code = codes[static_cast<std::size_t>(s)][static_cast<std::size_t>(i)];
          wrong += read_code(planes.data(), bits, steps, s, i) != code;
          wrong += described_code(planes, bits, steps, s, i) != code;
          ones += std::popcount(static_cast<unsigned>(code));
        }
      for (const std::byte byte : planes) stored_ones += std::popcount(std::to_integer<unsigned>(byte));
      INFO(bits << " bits, " << steps << " steps");
      CHECK(wrong == 0);
      CHECK(ones == stored_ones);
    }
}

TEST_CASE("positions that are written are read again, in as few vectors as hold them") {
  std::mt19937 generator(2);
  for (const int bits : {6, 8})
    for (int steps = 1; steps <= 8; ++steps) {
      const pare::detail::positions_of positions{bits};
      std::vector<std::byte> planes(static_cast<std::size_t>(pare::detail::positions_bytes(bits, steps)));
      CHECK(std::ssize(planes) == (steps * bits + 7) / 8 * 64);
      std::vector<std::array<std::uint8_t, 64>> all(static_cast<std::size_t>(steps));
      for (auto& step : all)
        for (auto& position : step) position = static_cast<std::uint8_t>(generator() % (1u << bits));
      int wrong = 0;
      for (int s = 0; s < steps; ++s) write_step(planes.data(), positions, steps, s, all[static_cast<std::size_t>(s)]);
      for (int s = 0; s < steps; ++s) {
        const auto& step = all[static_cast<std::size_t>(s)];
        wrong += read_step(planes.data(), positions, steps, s) != step;
        for (std::size_t i = 0; i < 64; ++i) {
          // The shuffle takes the first three of four as they lie there.
          const auto byte = [&](int vector) {
            return std::to_integer<int>(planes[static_cast<std::size_t>(vector) * 64 + i]);
          };
          const int first = s / 4 * 3;
          const int expected = bits == 8   ? byte(s)
                               : s % 4 < 3 ? byte(first + s % 4) % 64
                                           : byte(first) / 64 + byte(first + 1) / 64 * 4 + byte(first + 2) / 64 * 16;
          wrong += step[i] != expected;
        }
      }
      CHECK(wrong == 0);
    }
}

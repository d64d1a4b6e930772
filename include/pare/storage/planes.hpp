// k-bit codes as bit planes: how 64 codes of a step lie in memory, and the plain way of reading and writing them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pare::detail {

// One step is 16 rows × 4 columns, one vector of 64 codes. Eight steps form a chunk.
inline constexpr std::ptrdiff_t panel_rows = 16;
inline constexpr std::ptrdiff_t step_cols = 4;
inline constexpr std::ptrdiff_t step_codes = panel_rows * step_cols;
inline constexpr std::ptrdiff_t chunk_steps = 8;

// A code of k bits is cut into planes of width 8, or 4, 2 and 1: 3 = 2 + 1, 5 = 4 + 1, 6 = 4 + 2, 7 = 4 + 2 + 1; the
// widest plane holds the lowest bits. Within a chunk the planes follow one another, widest first. A plane of width w is
// w vectors of 64 bytes, in which byte i holds code i of 8 / w steps: step s lies in vector s·w / 8 at bit (s·w) mod 8.
// A last chunk of fewer steps has only the vectors that it needs.
struct plane {
  int width;
  int low_bit;  // where the plane's bits go in the code
};

struct plane_list {
  std::array<plane, 3> planes{};
  std::size_t count = 0;
  constexpr const plane* begin() const { return planes.data(); }
  constexpr const plane* end() const { return planes.data() + count; }
};

constexpr plane_list planes_of(int bits) {
  if (bits == 8) return {{plane{8, 0}}, 1};
  plane_list list;
  int low_bit = 0;
  for (const int width : {4, 2, 1})
    if (bits & width) {
      list.planes[list.count++] = {width, low_bit};
      low_bit += width;
    }
  return list;
}

// Vectors of 64 bytes that a plane of this width needs for `steps` steps.
constexpr std::ptrdiff_t plane_vectors(int width, std::ptrdiff_t steps) { return (steps * width + 7) / 8; }

// Bytes of all planes of one chunk of `steps` <= 8 steps.
constexpr std::ptrdiff_t chunk_bytes(int bits, std::ptrdiff_t steps) {
  std::ptrdiff_t vectors = 0;
  for (const plane& p : planes_of(bits)) vectors += plane_vectors(p.width, steps);
  return vectors * step_codes;
}

// Bytes of a run of steps, chunk after chunk.
constexpr std::ptrdiff_t planes_bytes(int bits, std::ptrdiff_t steps) {
  return steps / chunk_steps * chunk_bytes(bits, chunk_steps) + chunk_bytes(bits, steps % chunk_steps);
}

// Calls visit(byte offset, bit, width, low_bit) for each plane's vector that holds `step`, in a run of `steps` steps.
template <class Visit>
constexpr void for_each_plane(int bits, std::ptrdiff_t steps, std::ptrdiff_t step, Visit&& visit) {
  const std::ptrdiff_t chunk = step / chunk_steps;
  const std::ptrdiff_t in_chunk = std::ptrdiff_t{step % chunk_steps};
  const std::ptrdiff_t rest = steps - chunk * chunk_steps;
  std::ptrdiff_t offset = chunk * chunk_bytes(bits, chunk_steps);
  for (const plane& p : planes_of(bits)) {
    visit(offset + in_chunk * p.width / 8 * step_codes, static_cast<int>(in_chunk * p.width % 8), p);
    offset += plane_vectors(p.width, rest < chunk_steps ? rest : chunk_steps) * step_codes;
  }
}

// Adds the 64 codes of one step to planes that are zero there.
inline void write_step(std::byte* planes, int bits, std::ptrdiff_t steps, std::ptrdiff_t step,
                       std::span<const std::uint8_t, step_codes> codes) {
  for_each_plane(bits, steps, step, [&](std::ptrdiff_t offset, int bit, const plane& p) {
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const int value = codes[i] >> p.low_bit & ((1 << p.width) - 1);
      planes[static_cast<std::size_t>(offset) + i] |= static_cast<std::byte>(value << bit);
    }
  });
}

// The 64 codes of one step.
inline std::array<std::uint8_t, step_codes> read_step(const std::byte* planes, int bits, std::ptrdiff_t steps,
                                                      std::ptrdiff_t step) {
  std::array<std::uint8_t, step_codes> codes{};
  for_each_plane(bits, steps, step, [&](std::ptrdiff_t offset, int bit, const plane& p) {
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const int byte = std::to_integer<int>(planes[static_cast<std::size_t>(offset) + i]);
      codes[i] = static_cast<std::uint8_t>(codes[i] | (byte >> bit & ((1 << p.width) - 1)) << p.low_bit);
    }
  });
  return codes;
}

// Code `index` (0 to 63) of one step.
inline int read_code(const std::byte* planes, int bits, std::ptrdiff_t steps, std::ptrdiff_t step,
                     std::ptrdiff_t index) {
  int code = 0;
  for_each_plane(bits, steps, step, [&](std::ptrdiff_t offset, int bit, const plane& p) {
    const int byte = std::to_integer<int>(planes[offset + index]);
    code |= (byte >> bit & ((1 << p.width) - 1)) << p.low_bit;
  });
  return code;
}

}  // namespace pare::detail

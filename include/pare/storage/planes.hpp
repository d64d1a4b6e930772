// k-bit codes as bit planes: how 64 codes of a step lie in memory, and the plain way of reading and writing them.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
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

inline constexpr auto planes_by_bits = [] {
  std::array<plane_list, 9> lists{};
  for (int bits = 1; bits <= 8; ++bits) lists[static_cast<std::size_t>(bits)] = planes_of(bits);
  return lists;
}();

// Vectors of 64 bytes that a plane of this width needs for `steps` steps.
constexpr std::ptrdiff_t plane_vectors(int width, std::ptrdiff_t steps) { return (steps * width + 7) / 8; }

// Where a plane of codes of so many bits begins in a whole chunk, in bytes.
constexpr std::ptrdiff_t plane_at(int bits, std::size_t number) {
  const plane_list list = planes_of(bits);
  std::ptrdiff_t vectors = 0;
  for (std::size_t i = 0; i < number; ++i) vectors += plane_vectors(list.planes[i].width, chunk_steps);
  return vectors * step_codes;
}

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

// Calls visit(byte offset, bit, plane) for each plane's vector that holds `step`, in a run of `steps` steps.
template <class Visit>
constexpr void for_each_plane(int bits, std::ptrdiff_t steps, std::ptrdiff_t step, Visit&& visit) {
  const std::ptrdiff_t chunk = step / chunk_steps;
  const std::ptrdiff_t in_chunk = std::ptrdiff_t{step % chunk_steps};
  const std::ptrdiff_t rest = steps - chunk * chunk_steps;
  std::ptrdiff_t offset = chunk * bits * step_codes;  // a whole chunk has as many vectors as a code has bits
  for (const plane& p : planes_by_bits[static_cast<std::size_t>(bits)]) {
    visit(offset + in_chunk * p.width / 8 * step_codes, static_cast<int>(in_chunk * p.width % 8), p);
    offset += plane_vectors(p.width, rest < chunk_steps ? rest : chunk_steps) * step_codes;
  }
}

// Positions of so many bits, 6 or 8, which lie otherwise than codes: as a shuffle takes them, which disregards bits
// that it has no use for. Those of 8 bits are bytes. Of 6 bits of every 4 steps three have a vector each, in bits 0 to
// 5; bits 6 and 7 of these, in turn, are bits 0 and 1, 2 and 3, 4 and 5 of the fourth.
struct positions_of {
  int bits;
};

// Bytes of the positions of a run of steps.
constexpr std::ptrdiff_t positions_bytes(int bits, std::ptrdiff_t steps) {
  return (bits == 6 ? steps - steps / 4 : steps) * step_codes;
}

template <class Visit>
constexpr void for_each_plane(positions_of positions, std::ptrdiff_t, std::ptrdiff_t step, Visit&& visit) {
  if (positions.bits == 8) return visit(step * step_codes, 0, plane{8, 0});
  const std::ptrdiff_t four = positions_bytes(6, step / 4 * 4);
  if (step % 4 < 3) return visit(four + step % 4 * step_codes, 0, plane{6, 0});
  for (int i = 0; i < 3; ++i) visit(four + i * step_codes, 6, plane{2, 2 * i});
}

// The bytes of a vector, eight to a word. Shifts that leave no bits in a neighbour's byte work on eight at once.
using vector_words = std::array<std::uint64_t, step_codes / 8>;

constexpr std::uint64_t in_each_byte(int value) { return 0x0101010101010101u * static_cast<std::uint64_t>(value); }

// Adds the 64 codes of one step, each below 2^bits, to planes that are zero there.
template <class Bits>
void write_step(std::byte* planes, Bits bits, std::ptrdiff_t steps, std::ptrdiff_t step,
                std::span<const std::uint8_t, step_codes> codes) {
  vector_words words;
  std::memcpy(words.data(), codes.data(), sizeof words);
  for_each_plane(bits, steps, step, [&](std::ptrdiff_t offset, int bit, const plane& p) {
    const std::uint64_t kept = in_each_byte((1 << p.width) - 1);
    vector_words out;
    std::memcpy(out.data(), planes + offset, sizeof out);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] |= (words[i] >> p.low_bit & kept) << bit;
    std::memcpy(planes + offset, out.data(), sizeof out);
  });
}

// The 64 codes of one step.
template <class Bits>
std::array<std::uint8_t, step_codes> read_step(const std::byte* planes, Bits bits, std::ptrdiff_t steps,
                                               std::ptrdiff_t step) {
  vector_words words{};
  for_each_plane(bits, steps, step, [&](std::ptrdiff_t offset, int bit, const plane& p) {
    const std::uint64_t kept = in_each_byte((1 << p.width) - 1);
    vector_words in;
    std::memcpy(in.data(), planes + offset, sizeof in);
    for (std::size_t i = 0; i < in.size(); ++i) words[i] |= (in[i] >> bit & kept) << p.low_bit;
  });
  return std::bit_cast<std::array<std::uint8_t, step_codes>>(words);
}

// Code `index` (0 to 63) of one step.
template <class Bits>
int read_code(const std::byte* planes, Bits bits, std::ptrdiff_t steps, std::ptrdiff_t step, std::ptrdiff_t index) {
  int code = 0;
  for_each_plane(bits, steps, step, [&](std::ptrdiff_t offset, int bit, const plane& p) {
    const int byte = std::to_integer<int>(planes[offset + index]);
    code |= (byte >> bit & ((1 << p.width) - 1)) << p.low_bit;
  });
  return code;
}

}  // namespace pare::detail

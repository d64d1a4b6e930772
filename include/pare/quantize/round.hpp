// Rounding values to the nearest integer codes, many side by side.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>

namespace pare::detail {

// Integers that codes stand for: [low, high] in steps of 1, or just the two ends for 1-bit symmetric codes.
struct code_range {
  int low;
  int high;
  bool only_ends = false;
};

constexpr code_range centered_codes(int bits) {
  return bits == 1 ? code_range{-1, 1, true} : code_range{-(1 << (bits - 1)), (1 << (bits - 1)) - 1};
}

#include <pare/tensor/strict_fp_begin.inl>

// 1.5 · 2^23: adding it leaves no fraction bits, and the integer in the low ones.
inline constexpr float round_magic = 12582912.0f;

// Four floats side by side, on every CPU and whatever the compiler makes of loops.
using float4 = float __attribute__((vector_size(16)));

// A float, or four times the same.
template <class T>
T repeat(float x) {
  return x - T{};
}

// Nearest integer, ties to even; |x| below 2^22. Of a float or a float4, as those that follow.
template <class T>
T round_even(T x) {
  return (x + round_magic) - round_magic;
}

// x where it is within [low, high], else the nearer end.
template <class T>
T clamp_code(T x, T low, T high) {
  const T raised = low < x ? x : low;
  return high < raised ? high : raised;
}

// Calls use(nearest), where nearest(x) is the integer code, as a float, of x = value / scale.
template <class Use>
auto with_nearest_code(const code_range& codes, const Use& use) {
  if (codes.only_ends) return use([]<class T>(T x) { return x < repeat<T>(0) ? repeat<T>(-1) : repeat<T>(1); });
  const float low = static_cast<float>(codes.low), high = static_cast<float>(codes.high);
  return use([low, high]<class T>(T x) { return round_even(clamp_code(x, repeat<T>(low), repeat<T>(high))); });
}

// Loops run over this many values in turn, a constant number of which every compiler makes vectors (g++ at -O3 takes
// loops of 16 and fewer apart before it looks for vectors).
inline constexpr std::size_t code_block = 32;

// How values become stored codes: (value - shift) · inverse_scale is rounded to a code in the range, and `zero` added.
struct code_rounding {
  float inverse_scale;
  float shift;
  code_range codes;
  int zero;
};

// One block. The two do not overlap.
inline void round_block(const float* __restrict__ values, const code_rounding& to, std::uint8_t* __restrict__ out) {
  const float inverse_scale = to.inverse_scale, shift = to.shift;
  if (to.codes.only_ends) {
    for (std::size_t i = 0; i < code_block; ++i) out[i] = (values[i] - shift) * inverse_scale < 0 ? 0 : 1;
    return;
  }
  const float low = static_cast<float>(to.codes.low), high = static_cast<float>(to.codes.high);
  const std::uint32_t zero = static_cast<std::uint32_t>(to.zero);
  for (std::size_t i = 0; i < code_block; ++i) {
    const float x = clamp_code((values[i] - shift) * inverse_scale, low, high);
    out[i] = static_cast<std::uint8_t>(std::bit_cast<std::uint32_t>(x + round_magic) + zero);
  }
}

// Calls round(in, out) for blocks of values; a last shorter one is padded.
template <class Round>
void for_each_code_block(std::span<const float> values, std::uint8_t* out, const Round& round) {
  for (; values.size() >= code_block; values = values.subspan(code_block), out += code_block) round(values.data(), out);
  if (values.empty()) return;
  std::array<float, code_block> padded{};
  std::array<std::uint8_t, code_block> codes;
  std::copy(values.begin(), values.end(), padded.begin());
  round(padded.data(), codes.data());
  std::copy_n(codes.begin(), values.size(), out);
}

inline void round_values(std::span<const float> values, const code_rounding& to, std::uint8_t* out) {
  for_each_code_block(values, out, [&to](const float* in, std::uint8_t* codes) { round_block(in, to, codes); });
}

#include <pare/tensor/strict_fp_end.inl>

}  // namespace pare::detail

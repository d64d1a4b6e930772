// The element types of GGUF (github.com/ggml-org/ggml, ggml-common.h): blocks of so many elements in so many bytes, and
// what they stand for.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <pare/io/minifloat.hpp>
#include <pare/quantize/half.hpp>
#include <pare/tensor/rounded.hpp>
#include <pare/tensor/view.hpp>

namespace pare {

// Numbered as in files.
enum class gguf_type : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  iq4_nl = 20,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  bf16 = 30,
  mxfp4 = 39,
};

namespace detail {

template <class T>
T read_number(const std::byte* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
inline int byte_at(const std::byte* bytes, index_t i) noexcept { return std::to_integer<int>(bytes[i]); }
inline float half_at(const std::byte* bytes) noexcept { return half_value(read_number<std::uint16_t>(bytes)); }

template <class T>
void decode_number(const std::byte* block, float* out) noexcept {
  out[0] = static_cast<float>(read_number<T>(block));
}

#include <pare/tensor/strict_fp_begin.inl>

// ---- Blocks of 32 with 4 bits and more: the low halves of the bytes are the first 16 elements.

// Calls visit(element, low four bits) for the 32 elements of 16 bytes.
template <class Visit>
void for_each_nibble(const std::byte* bytes, Visit&& visit) {
  for (int i = 0; i < 16; ++i) {
    visit(i, byte_at(bytes, i) & 15);
    visit(i + 16, byte_at(bytes, i) >> 4);
  }
}

inline void decode_q4_0(const std::byte* block, float* out) noexcept {
  const float d = half_at(block);
  for_each_nibble(block + 2, [&](int i, int q) { out[i] = static_cast<float>(q - 8) * d; });
}
inline void decode_q4_1(const std::byte* block, float* out) noexcept {
  const float d = half_at(block), m = half_at(block + 2);
  for_each_nibble(block + 4, [&](int i, int q) { out[i] = rounded(static_cast<float>(q) * d) + m; });
}
// A fifth bit for each, in one 32-bit number.
inline void decode_q5_0(const std::byte* block, float* out) noexcept {
  const float d = half_at(block);
  const auto high = read_number<std::uint32_t>(block + 2);
  for_each_nibble(block + 6, [&](int i, int q) {
    out[i] = static_cast<float>((q | static_cast<int>(high >> i & 1) << 4) - 16) * d;
  });
}
inline void decode_q5_1(const std::byte* block, float* out) noexcept {
  const float d = half_at(block), m = half_at(block + 2);
  const auto high = read_number<std::uint32_t>(block + 4);
  for_each_nibble(block + 8, [&](int i, int q) {
    out[i] = rounded(static_cast<float>(q | static_cast<int>(high >> i & 1) << 4) * d) + m;
  });
}
inline void decode_q8_0(const std::byte* block, float* out) noexcept {
  const float d = half_at(block);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(static_cast<std::int8_t>(byte_at(block + 2, i))) * d;
}

inline constexpr std::array<std::int8_t, 16> iq4_nl_levels = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                              1,    13,   25,  38,  53,  69,  89,  113};
inline void decode_iq4_nl(const std::byte* block, float* out) noexcept {
  const float d = half_at(block);
  for_each_nibble(block + 2,
                  [&](int i, int q) { out[i] = d * static_cast<float>(iq4_nl_levels[static_cast<std::size_t>(q)]); });
}

inline void decode_mxfp4(const std::byte* block, float* out) noexcept {
  const float d = e8m0_value(static_cast<unsigned>(byte_at(block, 0)));
  for_each_nibble(block + 1, [&](int i, int q) { out[i] = minifloat_value(e2m1, static_cast<unsigned>(q)) * d; });
}

// ---- Blocks of 256, in parts with scales of their own.

// Each 16 elements have 4 bits of scale and 4 of minimum.
inline void decode_q2_k(const std::byte* block, float* out) noexcept {
  const float d = half_at(block + 80), least = half_at(block + 82);
  for (int i = 0; i < 256; ++i) {
    const int scale = byte_at(block, i / 16);
    const int q = byte_at(block + 16, i / 128 * 32 + i % 32) >> (i % 128 / 32 * 2) & 3;
    const float value = rounded(d * static_cast<float>(scale & 15) * static_cast<float>(q));
    out[i] = value - rounded(least * static_cast<float>(scale >> 4));
  }
}

// The 6-bit scale of 16 elements: four low bits, then two of each of four scales to a byte.
inline int q3_k_scale(const std::byte* scales, int number) noexcept {
  const int low = number < 8 ? byte_at(scales, number) & 15 : byte_at(scales, number - 8) >> 4;
  const int high = byte_at(scales, 8 + number % 4) >> (number / 4 * 2) & 3;
  return (low | high << 4) - 32;
}
inline void decode_q3_k(const std::byte* block, float* out) noexcept {
  const float d = half_at(block + 108);
  for (int i = 0; i < 256; ++i) {
    const int low = byte_at(block + 32, i / 128 * 32 + i % 32) >> (i % 128 / 32 * 2) & 3;
    const int high = byte_at(block, i % 32) >> (i / 32) & 1;
    out[i] = d * static_cast<float>(q3_k_scale(block + 96, i / 16)) * static_cast<float>(low + 4 * high - 4);
  }
}

// The 6-bit scales and minima of 32 elements: of the first four as they are, of the others in parts.
struct scale_and_minimum {
  int scale, minimum;
};
inline scale_and_minimum q4_k_scale(const std::byte* scales, int number) noexcept {
  if (number < 4) return {byte_at(scales, number) & 63, byte_at(scales, number + 4) & 63};
  const int low = byte_at(scales, number + 4);
  return {(low & 15) | byte_at(scales, number - 4) >> 6 << 4, low >> 4 | byte_at(scales, number) >> 6 << 4};
}
// The element with these 4 bits, and the fifth if there is one.
inline float q4_k_value(const std::byte* block, int i, int q) noexcept {
  const auto [scale, minimum] = q4_k_scale(block + 4, i / 32);
  const float value = rounded(half_at(block) * static_cast<float>(scale) * static_cast<float>(q));
  return value - rounded(half_at(block + 2) * static_cast<float>(minimum));
}
inline int q4_k_code(const std::byte* codes, int i) noexcept {
  return byte_at(codes, i / 64 * 32 + i % 32) >> (i % 64 / 32 * 4) & 15;
}
inline void decode_q4_k(const std::byte* block, float* out) noexcept {
  for (int i = 0; i < 256; ++i) out[i] = q4_k_value(block, i, q4_k_code(block + 16, i));
}
inline void decode_q5_k(const std::byte* block, float* out) noexcept {
  for (int i = 0; i < 256; ++i) {
    const int high = byte_at(block + 16, i % 32) >> (i / 32) & 1;
    out[i] = q4_k_value(block, i, q4_k_code(block + 48, i) | high << 4);
  }
}
inline void decode_q6_k(const std::byte* block, float* out) noexcept {
  const float d = half_at(block + 208);
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128, quarter = i % 128 / 32;
    const int low = byte_at(block, half * 64 + i % 64) >> (quarter / 2 * 4) & 15;
    const int high = byte_at(block + 128, half * 32 + i % 32) >> (quarter * 2) & 3;
    const auto scale = static_cast<std::int8_t>(byte_at(block + 192, i / 16));
    out[i] = d * static_cast<float>(scale) * static_cast<float>((low | high << 4) - 32);
  }
}

#include <pare/tensor/strict_fp_end.inl>

// ---- What there is of each type.

struct gguf_block {
  gguf_type type;
  std::string_view name;
  index_t elements;
  index_t bytes;
  void (*decode)(const std::byte* block, float* out) noexcept;  // writes all elements
};

inline constexpr std::array<gguf_block, 20> gguf_blocks = {{
    {gguf_type::f32, "F32", 1, 4, decode_number<float>},
    {gguf_type::f16, "F16", 1, 2, decode_number<Eigen::half>},
    {gguf_type::q4_0, "Q4_0", 32, 18, decode_q4_0},
    {gguf_type::q4_1, "Q4_1", 32, 20, decode_q4_1},
    {gguf_type::q5_0, "Q5_0", 32, 22, decode_q5_0},
    {gguf_type::q5_1, "Q5_1", 32, 24, decode_q5_1},
    {gguf_type::q8_0, "Q8_0", 32, 34, decode_q8_0},
    {gguf_type::q2_k, "Q2_K", 256, 84, decode_q2_k},
    {gguf_type::q3_k, "Q3_K", 256, 110, decode_q3_k},
    {gguf_type::q4_k, "Q4_K", 256, 144, decode_q4_k},
    {gguf_type::q5_k, "Q5_K", 256, 176, decode_q5_k},
    {gguf_type::q6_k, "Q6_K", 256, 210, decode_q6_k},
    {gguf_type::iq4_nl, "IQ4_NL", 32, 18, decode_iq4_nl},
    {gguf_type::i8, "I8", 1, 1, decode_number<std::int8_t>},
    {gguf_type::i16, "I16", 1, 2, decode_number<std::int16_t>},
    {gguf_type::i32, "I32", 1, 4, decode_number<std::int32_t>},
    {gguf_type::i64, "I64", 1, 8, decode_number<std::int64_t>},
    {gguf_type::f64, "F64", 1, 8, decode_number<double>},
    {gguf_type::bf16, "BF16", 1, 2, decode_number<Eigen::bfloat16>},
    {gguf_type::mxfp4, "MXFP4", 32, 17, decode_mxfp4},
}};

// Null for a number that is none of these.
constexpr const gguf_block* find_gguf_block(gguf_type type) {
  for (const gguf_block& each : gguf_blocks)
    if (each.type == type) return &each;
  return nullptr;
}

}  // namespace detail

// What the type is called, as in "Q4_K".
constexpr std::string_view name_of(gguf_type type) {
  const detail::gguf_block* block = detail::find_gguf_block(type);
  return block == nullptr ? "unknown" : block->name;
}

}  // namespace pare

// Floats to blocks of GGUF, to the bit as ggml's reference code makes them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <pare/io/gguf_blocks.hpp>

namespace pare::detail {

template <class T>
void put_number(std::byte* at, T number) noexcept {
  std::memcpy(at, &number, sizeof number);
}

#include <pare/tensor/strict_fp_begin.inl>

// 16-bit floats are rounded to nearest even; codes are made with the scale as it was before.
inline void encode_q8_0(const float* x, std::byte* block) noexcept {
  float largest = 0;
  for (int i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(x[i]));
  const float d = largest / 127.0f, inverse = d != 0 ? 1.0f / d : 0.0f;
  put_number(block, half_bits(d));
  for (int i = 0; i < 32; ++i) block[2 + i] = static_cast<std::byte>(static_cast<int>(std::round(x[i] * inverse)));
}

// Two codes to a byte: element i and i + 16.
template <class Code>
void put_nibbles(std::byte* bytes, Code&& code) noexcept {
  for (int i = 0; i < 16; ++i) bytes[i] = static_cast<std::byte>(code(i) | code(i + 16) << 4);
}

// The scale has the sign of what is largest in magnitude, the first of several, which becomes code 0.
inline void encode_q4_0(const float* x, std::byte* block) noexcept {
  float largest = 0, value = 0;
  for (int i = 0; i < 32; ++i)
    if (std::fabs(x[i]) > largest) {
      largest = std::fabs(x[i]);
      value = x[i];
    }
  const float d = value / -8.0f, inverse = d != 0 ? 1.0f / d : 0.0f;
  put_number(block, half_bits(d));
  put_nibbles(block + 2, [&](int i) { return std::min(15, static_cast<int>(rounded(x[i] * inverse) + 8.5f)); });
}

inline void encode_q4_1(const float* x, std::byte* block) noexcept {
  const float least = *std::min_element(x, x + 32), most = *std::max_element(x, x + 32);
  const float d = (most - least) / 15.0f, inverse = d != 0 ? 1.0f / d : 0.0f;
  put_number(block, half_bits(d));
  put_number(block + 2, half_bits(least));
  put_nibbles(block + 4,
              [&](int i) { return std::min(15, static_cast<int>(rounded((x[i] - least) * inverse) + 0.5f)); });
}

#include <pare/tensor/strict_fp_end.inl>

inline void encode_f32(const float* x, std::byte* block) noexcept { put_number(block, *x); }
inline void encode_f16(const float* x, std::byte* block) noexcept { put_number(block, half_bits(*x)); }

using gguf_encoder = void (*)(const float* x, std::byte* block) noexcept;

// Null for a type that is not written.
constexpr gguf_encoder find_gguf_encoder(gguf_type type) {
  switch (type) {
    case gguf_type::f32: return encode_f32;
    case gguf_type::f16: return encode_f16;
    case gguf_type::q8_0: return encode_q8_0;
    case gguf_type::q4_0: return encode_q4_0;
    case gguf_type::q4_1: return encode_q4_1;
    default: return nullptr;
  }
}

}  // namespace pare::detail

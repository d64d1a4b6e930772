// The vocabulary for AArch64: four registers of 128 bits per word. Meanings: scalar.inl. Sums of products of bytes are
// in neon_sums.inl or neon_dot_sums.inl.

inline constexpr bool decodes_in_registers = true;
inline constexpr bool decodes_listed = false;
inline constexpr int float_tile = 4;

namespace pairs {}
namespace one_sample = pairs;

struct f32x16 {
  float32x4_t q[4];
};
struct i32x16 {
  int32x4_t q[4];
};
struct u8x64 {
  uint8x16_t q[4];
};

template <class Function>
inline f32x16 each_float(Function&& f) {
  return {{f(0), f(1), f(2), f(3)}};
}
template <class Function>
inline i32x16 each_int(Function&& f) {
  return {{f(0), f(1), f(2), f(3)}};
}
template <class Function>
inline u8x64 each_byte(Function&& f) {
  return {{f(0), f(1), f(2), f(3)}};
}

inline f32x16 load(const float* p) {
  return each_float([&](int i) { return vld1q_f32(p + 4 * i); });
}
inline void store(float* p, const f32x16& a) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.q[i]);
}
inline f32x16 splat(float x) {
  return each_float([&](int) { return vdupq_n_f32(x); });
}
inline f32x16 load_first(const float* p, index_t n, float fill) {
  if (n >= 16) return load(p);
  float lanes[16];
  store(lanes, splat(fill));
  for (index_t i = 0; i < n && i < 16; ++i) lanes[i] = p[i];
  return load(lanes);
}
inline f32x16 add(const f32x16& a, const f32x16& b) {
  return each_float([&](int i) { return vaddq_f32(a.q[i], b.q[i]); });
}
inline f32x16 sub(const f32x16& a, const f32x16& b) {
  return each_float([&](int i) { return vsubq_f32(a.q[i], b.q[i]); });
}
inline f32x16 mul(const f32x16& a, const f32x16& b) {
  return each_float([&](int i) { return vmulq_f32(a.q[i], b.q[i]); });
}
inline f32x16 div(const f32x16& a, const f32x16& b) {
  return each_float([&](int i) { return vdivq_f32(a.q[i], b.q[i]); });
}
inline f32x16 fma(const f32x16& a, const f32x16& b, const f32x16& c) {
  return each_float([&](int i) { return vfmaq_f32(c.q[i], a.q[i], b.q[i]); });
}
// Not vminq and vmaxq, which have another idea of NaN.
inline f32x16 select_less(const f32x16& a, const f32x16& b, const f32x16& x, const f32x16& y) {
  return each_float([&](int i) { return vbslq_f32(vcltq_f32(a.q[i], b.q[i]), x.q[i], y.q[i]); });
}
inline f32x16 min(const f32x16& a, const f32x16& b) { return select_less(a, b, a, b); }
inline f32x16 max(const f32x16& a, const f32x16& b) { return select_less(b, a, a, b); }

inline i32x16 splat_int(std::int32_t x) {
  return each_int([&](int) { return vdupq_n_s32(x); });
}
inline i32x16 add(const i32x16& a, const i32x16& b) {
  return each_int([&](int i) { return vaddq_s32(a.q[i], b.q[i]); });
}
inline i32x16 sub(const i32x16& a, const i32x16& b) {
  return each_int([&](int i) { return vsubq_s32(a.q[i], b.q[i]); });
}
inline i32x16 mul(const i32x16& a, const i32x16& b) {
  return each_int([&](int i) { return vmulq_s32(a.q[i], b.q[i]); });
}
inline i32x16 max(const i32x16& a, const i32x16& b) {
  return each_int([&](int i) { return vmaxq_s32(a.q[i], b.q[i]); });
}
inline i32x16 bit_and(const i32x16& a, const i32x16& b) {
  return each_int([&](int i) { return vandq_s32(a.q[i], b.q[i]); });
}
template <int Bits>
inline i32x16 shift_left(const i32x16& a) {
  return each_int([&](int i) { return vshlq_n_s32(a.q[i], Bits); });
}
template <int Bits>
inline i32x16 shift_right(const i32x16& a) {
  return each_int([&](int i) { return vshrq_n_s32(a.q[i], Bits); });
}
inline std::int32_t sum_lanes(const i32x16& a) {
  return vaddvq_s32(vaddq_s32(vaddq_s32(a.q[0], a.q[1]), vaddq_s32(a.q[2], a.q[3])));
}
inline std::int32_t max_lanes(const i32x16& a) {
  return vmaxvq_s32(vmaxq_s32(vmaxq_s32(a.q[0], a.q[1]), vmaxq_s32(a.q[2], a.q[3])));
}

inline f32x16 to_float(const i32x16& a) {
  return each_float([&](int i) { return vcvtq_f32_s32(a.q[i]); });
}
inline i32x16 to_int(const f32x16& a) {
  return each_int([&](int i) { return vcvtnq_s32_f32(a.q[i]); });
}
inline i32x16 as_int(const f32x16& a) {
  return each_int([&](int i) { return vreinterpretq_s32_f32(a.q[i]); });
}
inline f32x16 as_float(const i32x16& a) {
  return each_float([&](int i) { return vreinterpretq_f32_s32(a.q[i]); });
}

inline f32x16 load_half(const std::byte* p) {
  return each_float([&](int i) {
    const uint16x4_t bits = vreinterpret_u16_u8(vld1_u8(reinterpret_cast<const std::uint8_t*>(p + 8 * i)));
    return vcvt_f32_f16(vreinterpret_f16_u16(bits));
  });
}
inline f32x16 load_bfloat(const std::byte* p) {
  return each_float([&](int i) {
    const uint16x4_t bits = vreinterpret_u16_u8(vld1_u8(reinterpret_cast<const std::uint8_t*>(p + 8 * i)));
    return vreinterpretq_f32_u32(vshll_n_u16(bits, 16));
  });
}
inline i32x16 load_u8(const std::byte* p) {
  const uint8x16_t x = vld1q_u8(reinterpret_cast<const std::uint8_t*>(p));
  const uint16x8_t low = vmovl_u8(vget_low_u8(x));
  const uint16x8_t high = vmovl_high_u8(x);
  return {{vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low))), vreinterpretq_s32_u32(vmovl_high_u16(low)),
           vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high))), vreinterpretq_s32_u32(vmovl_high_u16(high))}};
}
inline i32x16 load_s8(const std::byte* p) {
  const int8x16_t x = vld1q_s8(reinterpret_cast<const std::int8_t*>(p));
  const int16x8_t low = vmovl_s8(vget_low_s8(x));
  const int16x8_t high = vmovl_high_s8(x);
  return {{vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low), vmovl_s16(vget_low_s16(high)), vmovl_high_s16(high)}};
}
inline void store_s8(std::int8_t* p, const i32x16& a) {
  const int16x8_t low = vcombine_s16(vmovn_s32(a.q[0]), vmovn_s32(a.q[1]));
  const int16x8_t high = vcombine_s16(vmovn_s32(a.q[2]), vmovn_s32(a.q[3]));
  vst1q_s8(p, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
}

inline u8x64 load_codes(const std::byte* p) {
  return each_byte([&](int i) { return vld1q_u8(reinterpret_cast<const std::uint8_t*>(p + 16 * i)); });
}
inline u8x64 load_kept(const std::byte* p) { return load_codes(p); }
inline void store_codes(std::byte* p, const u8x64& a) {
  for (int i = 0; i < 4; ++i) vst1q_u8(reinterpret_cast<std::uint8_t*>(p + 16 * i), a.q[i]);
}
inline u8x64 field(const u8x64& a, int bit, int width, int to) {
  const int8x16_t up = vdupq_n_s8(static_cast<std::int8_t>(to - bit));
  const uint8x16_t mask = vdupq_n_u8(static_cast<std::uint8_t>(((1 << width) - 1) << to));
  return each_byte([&](int i) { return vandq_u8(vshlq_u8(a.q[i], up), mask); });
}
inline u8x64 splat_code(std::uint8_t x) {
  return each_byte([&](int) { return vdupq_n_u8(x); });
}
inline u8x64 bit_or(const u8x64& a, const u8x64& b) {
  return each_byte([&](int i) { return vorrq_u8(a.q[i], b.q[i]); });
}
struct table16 {
  uint8x16_t v;
};
inline table16 load_table(const std::uint8_t* p) { return {vld1q_u8(p)}; }
inline u8x64 lookup(const table16& table, const u8x64& codes) {
  return each_byte([&](int i) { return vqtbl1q_u8(table.v, codes.q[i]); });
}
inline u8x64 expand(std::uint64_t mask, const std::byte* p, std::uint8_t fill) {
  const uint8x8_t fills = vdup_n_u8(fill);
  uint8x8_t eight[8];
  for (int i = 0; i < 8; ++i, mask >>= 8) {
    const uint8x8_t from = vcreate_u8(expand_table[mask & 255]);
    eight[i] = vtbx1_u8(fills, vld1_u8(reinterpret_cast<const std::uint8_t*>(p)), from);
    p += std::popcount(mask & 255);
  }
  return each_byte([&](int i) { return vcombine_u8(eight[2 * i], eight[2 * i + 1]); });
}
inline int8x16_t splat_four(const std::int8_t* x) {
  std::int32_t four;
  std::memcpy(&four, x, sizeof four);
  return vreinterpretq_s8_s32(vdupq_n_s32(four));
}
inline u8x64 subtract(const u8x64& codes, std::uint8_t zero) {
  return each_byte([&](int i) { return vsubq_u8(codes.q[i], vdupq_n_u8(zero)); });
}
// A lookup beyond the end of its table gives 0.
template <int Cols>
inline u8x64 permute(const std::int8_t* x, const u8x64& positions) {
  const auto table = [&](int at) {
    const u8x64 inputs = load_codes(reinterpret_cast<const std::byte*>(x + at));
    return uint8x16x4_t{{inputs.q[0], inputs.q[1], inputs.q[2], inputs.q[3]}};
  };
  return each_byte([&](int i) {
    uint8x16_t found = vqtbl4q_u8(table(0), positions.q[i]);
    if constexpr (Cols == 256)
      for (int at = 64; at < 256; at += 64)
        found =
            vorrq_u8(found, vqtbl4q_u8(table(at), vsubq_u8(positions.q[i], vdupq_n_u8(static_cast<std::uint8_t>(at)))));
    return found;
  });
}
inline constexpr bool biases_inputs = false;
inline i32x16 add_signed(const i32x16& acc, const u8x64&) { return acc; }
template <int Place>
inline i32x16 column(const u8x64& codes) {
  return each_int([&](int i) {
    const uint32x4_t lanes = vreinterpretq_u32_u8(codes.q[i]);
    if constexpr (Place == 0)
      return vreinterpretq_s32_u32(vandq_u32(lanes, vdupq_n_u32(255)));
    else
      return vreinterpretq_s32_u32(vandq_u32(vshrq_n_u32(lanes, 8 * Place), vdupq_n_u32(255)));
  });
}
inline constexpr bool looks_up_columns = false;
// Always inlined: g++ 12 takes a function that only prefetches for one without effect and drops the call.
[[gnu::always_inline]] inline void prefetch(const void* p) { __builtin_prefetch(p); }

// Sums of products of bytes for AArch64 with the dot product instructions, which take both sides signed. Goes with
// neon.inl.

namespace one_sample = dot_products;

inline constexpr int int8_tile = 4;
inline constexpr int int8_panels = 1;
inline constexpr int largest_run_code = 127;

inline i32x16 dot_signed(const i32x16& acc, const u8x64& weights, const u8x64& x) {
  return each_int(
      [&](int i) { return vdotq_s32(acc.q[i], vreinterpretq_s8_u8(weights.q[i]), vreinterpretq_s8_u8(x.q[i])); });
}
// 128 comes off each code, and goes on again with the sum of the inputs.
inline i32x16 dot(const i32x16& acc, const u8x64& codes, const std::int8_t* x) {
  const int8x16_t all = splat_four(x);
  const int8x16_t half = vdupq_n_s8(64);
  const int32x4_t excess = vdotq_s32(vdotq_s32(vdupq_n_s32(0), half, all), half, all);
  return each_int([&](int i) {
    const int8x16_t signed_codes = vreinterpretq_s8_u8(veorq_u8(codes.q[i], vdupq_n_u8(128)));
    return vdotq_s32(vaddq_s32(acc.q[i], excess), signed_codes, all);
  });
}
inline i32x16 dot_narrow(const i32x16& acc, const u8x64& codes, const std::int8_t* x) {
  const int8x16_t all = splat_four(x);
  return each_int([&](int i) { return vdotq_s32(acc.q[i], vreinterpretq_s8_u8(codes.q[i]), all); });
}
#include <pare/kernels/direct_runs.inl>

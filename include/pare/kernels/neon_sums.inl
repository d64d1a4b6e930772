// Sums of products of bytes for AArch64, by way of 16 bits. Goes with neon.inl.

inline constexpr bool sums_start_in_16_bits = true;
inline constexpr int int8_tile = 2;
inline constexpr int int8_panels = 1;
inline constexpr int largest_run_code = 127;

// 16 signed bytes, x above -128: neighbours' products fit 16 bits in pairs.
inline int32x4_t dot_signed(int32x4_t acc, int8x16_t codes, int8x16_t x) {
  const int16x8_t low = vmull_s8(vget_low_s8(codes), vget_low_s8(x));
  const int16x8_t high = vmull_high_s8(codes, x);
  return vpadalq_s16(acc, vpaddq_s16(low, high));
}
inline i32x16 dot(const i32x16& acc, const u8x64& codes, const std::int8_t* x) {
  const int8x16_t all = splat_four(x);
  return each_int([&](int i) {
    // code = 2 · (code / 2) + code mod 2, both of which are signed bytes
    const int8x16_t half = vreinterpretq_s8_u8(vshrq_n_u8(codes.q[i], 1));
    const int8x16_t odd = vreinterpretq_s8_u8(vandq_u8(codes.q[i], vdupq_n_u8(1)));
    const int32x4_t halves = dot_signed(vdupq_n_s32(0), half, all);
    return dot_signed(vaddq_s32(acc.q[i], vaddq_s32(halves, halves)), odd, all);
  });
}
// Products of codes below 128 fit 16 bits in pairs, and a lane holds but one of a pair.
struct run_sums {
  int16x8_t low[4];
  int16x8_t high[4];
};
inline run_sums begin_run(const i32x16&, const u8x64& codes, const std::int8_t* x) {
  const int8x16_t all = splat_four(x);
  run_sums run;
  for (int i = 0; i < 4; ++i) {
    const int8x16_t signed_codes = vreinterpretq_s8_u8(codes.q[i]);
    run.low[i] = vmull_s8(vget_low_s8(signed_codes), vget_low_s8(all));
    run.high[i] = vmull_high_s8(signed_codes, all);
  }
  return run;
}
inline run_sums dot_run(run_sums run, const u8x64& codes, const std::int8_t* x) {
  const int8x16_t all = splat_four(x);
  for (int i = 0; i < 4; ++i) {
    const int8x16_t signed_codes = vreinterpretq_s8_u8(codes.q[i]);
    run.low[i] = vmlal_s8(run.low[i], vget_low_s8(signed_codes), vget_low_s8(all));
    run.high[i] = vmlal_high_s8(run.high[i], signed_codes, all);
  }
  return run;
}
inline i32x16 end_run(const i32x16& acc, const run_sums& run) {
  return each_int([&](int i) { return vpadalq_s16(acc.q[i], vpaddq_s16(run.low[i], run.high[i])); });
}
inline i32x16 dot_signed(const i32x16& acc, const u8x64& weights, const u8x64& x) {
  return each_int(
      [&](int i) { return dot_signed(acc.q[i], vreinterpretq_s8_u8(weights.q[i]), vreinterpretq_s8_u8(x.q[i])); });
}

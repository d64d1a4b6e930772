// Sums of products of bytes for AVX2 with AVX-VNNI, in one instruction. Goes with avx2.inl.

inline constexpr int int8_tile = 4;
inline constexpr int int8_panels = 1;
inline constexpr int largest_run_code = 255;

inline i32x16 dot_bytes(i32x16 acc, u8x64 unsigned_bytes, u8x64 signed_bytes) {
  return {_mm256_dpbusd_avx_epi32(acc.a, unsigned_bytes.a, signed_bytes.a),
          _mm256_dpbusd_avx_epi32(acc.b, unsigned_bytes.b, signed_bytes.b)};
}
inline i32x16 dot(i32x16 acc, u8x64 codes, const std::int8_t* x) {
  const __m256i all = splat_four(x);
  return dot_bytes(acc, codes, {all, all});
}
inline i32x16 dot_narrow(i32x16 acc, u8x64 codes, const std::int8_t* x) { return dot(acc, codes, x); }
#include <pare/kernels/direct_runs.inl>
inline i32x16 dot_signed(i32x16 acc, u8x64 weights, u8x64 x) {
  return dot_bytes(acc, {_mm256_abs_epi8(weights.a), _mm256_abs_epi8(weights.b)},
                   {_mm256_sign_epi8(x.a, weights.a), _mm256_sign_epi8(x.b, weights.b)});
}

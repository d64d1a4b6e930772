// Sums of products of bytes for AVX2, by way of 16 bits. Goes with avx2.inl.

inline constexpr bool sums_start_in_16_bits = true;
inline constexpr int int8_tile = 4;
inline constexpr int int8_panels = 1;
inline constexpr int largest_run_code = 127;

// Codes are widened to 16 bits, even and odd columns apart.
inline __m256i dot_256(__m256i acc, __m256i codes, __m256i even_x, __m256i odd_x) {
  const __m256i even = _mm256_madd_epi16(_mm256_and_si256(codes, _mm256_set1_epi16(255)), even_x);
  const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(codes, 8), odd_x);
  return _mm256_add_epi32(acc, _mm256_add_epi32(even, odd));
}
inline i32x16 dot(i32x16 acc, u8x64 codes, const std::int8_t* x) {
  const __m256i all = splat_four(x);
  const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(all, 8), 8);
  const __m256i odd = _mm256_srai_epi16(all, 8);
  return {dot_256(acc.a, codes.a, even, odd), dot_256(acc.b, codes.b, even, odd)};
}
// Products of codes below 128 fit 16 bits in pairs.
struct run_sums {
  __m256i a, b;
};
inline run_sums begin_run(i32x16, u8x64 codes, const std::int8_t* x) {
  const __m256i all = splat_four(x);
  return {_mm256_maddubs_epi16(codes.a, all), _mm256_maddubs_epi16(codes.b, all)};
}
// In place and in this order: g++ 12 would add up products in a tree, for which it has no registers.
inline __m256i add_words(__m256i sum, __m256i x) {
  __asm__("vpaddw {%1, %0, %0|%0, %0, %1}" : "+x"(sum) : "x"(x));
  return sum;
}
inline run_sums dot_run(run_sums run, u8x64 codes, const std::int8_t* x) {
  const __m256i all = splat_four(x);
  return {add_words(run.a, _mm256_maddubs_epi16(codes.a, all)), add_words(run.b, _mm256_maddubs_epi16(codes.b, all))};
}
inline i32x16 end_run(i32x16 acc, run_sums run) {
  const __m256i ones = _mm256_set1_epi16(1);
  return {_mm256_add_epi32(acc.a, _mm256_madd_epi16(run.a, ones)),
          _mm256_add_epi32(acc.b, _mm256_madd_epi16(run.b, ones))};
}
// 128 · 127 twice fits 16 bits.
inline __m256i dot_signed_256(__m256i acc, __m256i weights, __m256i x) {
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(x, weights));
  return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
inline i32x16 dot_signed(i32x16 acc, u8x64 weights, u8x64 x) {
  return {dot_signed_256(acc.a, weights.a, x.a), dot_signed_256(acc.b, weights.b, x.b)};
}

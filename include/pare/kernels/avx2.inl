// The vocabulary for AVX2 with FMA and F16C: two registers of 256 bits per word. Meanings: scalar.inl. Sums of products
// of bytes are in avx2_sums.inl or avx2_vnni_sums.inl.

inline constexpr bool decodes_in_registers = true;
inline constexpr bool decodes_listed = false;
inline constexpr int float_tile = 4;

// AVX-VNNI shares them: a copy of its own would cost compile time.
namespace pairs {}
namespace one_sample = pairs;

struct f32x16 {
  __m256 a, b;
};
struct i32x16 {
  __m256i a, b;
};
struct u8x64 {
  __m256i a, b;
};

inline __m256i load_256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void store_256(void* p, __m256i a) { _mm256_storeu_si256(static_cast<__m256i*>(p), a); }
inline __m128i load_128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }

inline f32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline void store(float* p, f32x16 x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
inline f32x16 splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline __m256 load_first_8(const float* p, index_t n, float fill) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i wanted = _mm256_cmpgt_epi32(_mm256_set1_epi32(n < 8 ? static_cast<int>(n) : 8), lane);
  return _mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p, wanted), _mm256_castsi256_ps(wanted));
}
inline f32x16 load_first(const float* p, index_t n, float fill) {
  if (n >= 16) return load(p);
  return {load_first_8(p, n, fill), load_first_8(p + 8, n < 8 ? 0 : n - 8, fill)};
}
inline f32x16 add(f32x16 x, f32x16 y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
inline f32x16 sub(f32x16 x, f32x16 y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
inline f32x16 mul(f32x16 x, f32x16 y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
inline f32x16 div(f32x16 x, f32x16 y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
inline f32x16 fma(f32x16 x, f32x16 y, f32x16 z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
inline f32x16 min(f32x16 x, f32x16 y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
inline f32x16 max(f32x16 x, f32x16 y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
inline f32x16 select_less(f32x16 x, f32x16 y, f32x16 yes, f32x16 no) {
  return {_mm256_blendv_ps(no.a, yes.a, _mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ)),
          _mm256_blendv_ps(no.b, yes.b, _mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ))};
}

inline i32x16 splat_int(std::int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
inline i32x16 add(i32x16 x, i32x16 y) { return {_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)}; }
inline i32x16 sub(i32x16 x, i32x16 y) { return {_mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b)}; }
inline i32x16 mul(i32x16 x, i32x16 y) { return {_mm256_mullo_epi32(x.a, y.a), _mm256_mullo_epi32(x.b, y.b)}; }
inline i32x16 max(i32x16 x, i32x16 y) { return {_mm256_max_epi32(x.a, y.a), _mm256_max_epi32(x.b, y.b)}; }
inline i32x16 bit_and(i32x16 x, i32x16 y) { return {_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)}; }
template <int Bits>
inline i32x16 shift_left(i32x16 x) {
  return {_mm256_slli_epi32(x.a, Bits), _mm256_slli_epi32(x.b, Bits)};
}
template <int Bits>
inline i32x16 shift_right(i32x16 x) {
  return {_mm256_srai_epi32(x.a, Bits), _mm256_srai_epi32(x.b, Bits)};
}
inline std::int32_t sum_lanes(i32x16 x) {
  const __m256i eight = _mm256_add_epi32(x.a, x.b);
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}
inline std::int32_t max_lanes(i32x16 x) {
  const __m256i eight = _mm256_max_epi32(x.a, x.b);
  const __m128i four = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  const __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}

inline f32x16 to_float(i32x16 x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
inline i32x16 to_int(f32x16 x) {
  constexpr int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_cvtps_epi32(_mm256_round_ps(x.a, nearest)), _mm256_cvtps_epi32(_mm256_round_ps(x.b, nearest))};
}
inline i32x16 as_int(f32x16 x) { return {_mm256_castps_si256(x.a), _mm256_castps_si256(x.b)}; }
inline f32x16 as_float(i32x16 x) { return {_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)}; }

inline f32x16 load_half(const std::byte* p) {
  return {_mm256_cvtph_ps(load_128(p)), _mm256_cvtph_ps(load_128(p + 16))};
}
inline __m256 load_bfloat_8(const std::byte* p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_128(p)), 16));
}
inline f32x16 load_bfloat(const std::byte* p) { return {load_bfloat_8(p), load_bfloat_8(p + 16)}; }
inline i32x16 load_u8(const std::byte* p) {
  const __m128i x = load_128(p);
  return {_mm256_cvtepu8_epi32(x), _mm256_cvtepu8_epi32(_mm_srli_si128(x, 8))};
}
inline i32x16 load_s8(const std::byte* p) {
  const __m128i x = load_128(p);
  return {_mm256_cvtepi8_epi32(x), _mm256_cvtepi8_epi32(_mm_srli_si128(x, 8))};
}
inline void store_s8(std::int8_t* p, i32x16 x) {
  // Packing works within halves of 128 bits: 16-bit lanes come out as 0-3, 8-11, 4-7, 12-15.
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(x.a, x.b), 0xd8);
  const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
}

inline u8x64 load_codes(const std::byte* p) { return {load_256(p), load_256(p + 32)}; }
inline u8x64 load_kept(const std::byte* p) { return load_codes(p); }
inline void store_codes(std::byte* p, u8x64 x) {
  store_256(p, x.a);
  store_256(p + 32, x.b);
}
inline u8x64 field(u8x64 x, int bit, int width, int to) {
  const __m128i down = _mm_cvtsi32_si128(bit > to ? bit - to : 0);
  const __m128i up = _mm_cvtsi32_si128(bit < to ? to - bit : 0);
  const __m256i mask = _mm256_set1_epi8(static_cast<char>(((1 << width) - 1) << to));
  const auto half = [&](__m256i v) PARE_INLINE_LAMBDA {
    return _mm256_and_si256(_mm256_sll_epi16(_mm256_srl_epi16(v, down), up), mask);
  };
  return {half(x.a), half(x.b)};
}
inline u8x64 splat_code(std::uint8_t x) {
  const __m256i all = _mm256_set1_epi8(static_cast<char>(x));
  return {all, all};
}
inline u8x64 bit_or(u8x64 x, u8x64 y) { return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)}; }
struct table16 {
  __m256i v;
};
inline table16 load_table(const std::uint8_t* p) { return {_mm256_broadcastsi128_si256(load_128(p))}; }
inline u8x64 lookup(table16 table, u8x64 codes) {
  return {_mm256_shuffle_epi8(table.v, codes.a), _mm256_shuffle_epi8(table.v, codes.b)};
}
inline u8x64 expand(std::uint64_t mask, const std::byte* p, std::uint8_t fill) {
  const __m128i fills = _mm_set1_epi8(static_cast<char>(fill));
  __m128i eight[8];
  PARE_UNROLL
  for (int i = 0; i < 8; ++i, mask >>= 8) {
    const __m128i from = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(&expand_table[mask & 255]));
    const __m128i ones = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    eight[i] = _mm_blendv_epi8(_mm_shuffle_epi8(ones, from), fills, from);
    p += std::popcount(mask & 255);
  }
  const auto join = [&](int i) {
    return _mm256_set_m128i(_mm_unpacklo_epi64(eight[i + 2], eight[i + 3]), _mm_unpacklo_epi64(eight[i], eight[i + 1]));
  };
  return {join(0), join(4)};
}
inline __m256i splat_four(const std::int8_t* x) {
  std::int32_t four;
  std::memcpy(&four, x, sizeof four);
  return _mm256_set1_epi32(four);
}
inline u8x64 subtract(u8x64 codes, std::uint8_t zero) {
  const __m256i zeros = _mm256_set1_epi8(static_cast<char>(zero));
  return {_mm256_sub_epi8(codes.a, zeros), _mm256_sub_epi8(codes.b, zeros)};
}
// A shuffle looks at bits 0 to 3 and 7 of a position; bits 4 and 5, shifted to the top of their byte, choose among the
// results for 64 inputs, and bits 6 and 7 among four of those.
inline __m256i permute_64(const std::int8_t* x, __m256i positions, __m256i bit_4, __m256i bit_5) {
  const auto from = [&](int i) {
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(load_128(x + 16 * i)), positions);
  };
  return _mm256_blendv_epi8(_mm256_blendv_epi8(from(0), from(1), bit_4), _mm256_blendv_epi8(from(2), from(3), bit_4),
                            bit_5);
}
template <int Cols>
inline __m256i permute_256(const std::int8_t* x, __m256i positions) {
  const __m256i bit_4 = _mm256_slli_epi16(positions, 3);
  const __m256i bit_5 = _mm256_slli_epi16(positions, 2);
  if constexpr (Cols == 64) return permute_64(x, positions, bit_4, bit_5);
  const __m256i low = _mm256_and_si256(positions, _mm256_set1_epi8(15));
  const __m256i bit_6 = _mm256_slli_epi16(positions, 1);
  const auto from = [&](int i) { return permute_64(x + 64 * i, low, bit_4, bit_5); };
  return _mm256_blendv_epi8(_mm256_blendv_epi8(from(0), from(1), bit_6), _mm256_blendv_epi8(from(2), from(3), bit_6),
                            positions);
}
template <int Cols>
inline u8x64 permute(const std::int8_t* x, u8x64 positions) {
  return {permute_256<Cols>(x, positions.a), permute_256<Cols>(x, positions.b)};
}
inline constexpr bool biases_inputs = false;
inline i32x16 add_signed(i32x16 acc, u8x64) { return acc; }
template <int Place>
inline __m256i column_256(__m256i codes) {
  if constexpr (Place == 0) return _mm256_and_si256(codes, _mm256_set1_epi32(255));
  if constexpr (Place == 3) return _mm256_srli_epi32(codes, 24);
  const __m128i from =
      _mm_setr_epi8(Place, -1, -1, -1, Place + 4, -1, -1, -1, Place + 8, -1, -1, -1, Place + 12, -1, -1, -1);
  return _mm256_shuffle_epi8(codes, _mm256_broadcastsi128_si256(from));
}
template <int Place>
inline i32x16 column(u8x64 codes) {
  return {column_256<Place>(codes.a), column_256<Place>(codes.b)};
}
inline constexpr bool looks_up_columns = false;
// Always inlined: g++ 12 takes a function that only prefetches for one without effect and drops the call.
[[gnu::always_inline]] inline void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

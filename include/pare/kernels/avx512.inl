// The vocabulary for AVX-512 with VNNI and VBMI2: one register of 512 bits per word. Meanings: scalar.inl.

inline constexpr bool decodes_in_registers = true;
inline constexpr bool decodes_listed = true;
inline constexpr int int8_tile = 8;
inline constexpr int int8_panels = 2;
inline constexpr int float_tile = 8;
inline constexpr int largest_run_code = 255;

namespace vnni {}
namespace one_sample = vnni;

using f32x16 = __m512;
using i32x16 = __m512i;
struct u8x64 {
  __m512i v;
};

inline f32x16 load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(float* p, f32x16 a) { _mm512_storeu_ps(p, a); }
inline f32x16 splat(float x) { return _mm512_set1_ps(x); }
inline f32x16 load_first(const float* p, index_t n, float fill) {
  const __mmask16 lanes = n >= 16 ? __mmask16{0xffff} : static_cast<__mmask16>((1u << n) - 1);
  return _mm512_mask_loadu_ps(splat(fill), lanes, p);
}
inline f32x16 add(f32x16 a, f32x16 b) { return _mm512_add_ps(a, b); }
inline f32x16 sub(f32x16 a, f32x16 b) { return _mm512_sub_ps(a, b); }
inline f32x16 mul(f32x16 a, f32x16 b) { return _mm512_mul_ps(a, b); }
inline f32x16 div(f32x16 a, f32x16 b) { return _mm512_div_ps(a, b); }
inline f32x16 fma(f32x16 a, f32x16 b, f32x16 c) { return _mm512_fmadd_ps(a, b, c); }
inline f32x16 min(f32x16 a, f32x16 b) { return _mm512_min_ps(a, b); }
inline f32x16 max(f32x16 a, f32x16 b) { return _mm512_max_ps(a, b); }
inline f32x16 select_less(f32x16 a, f32x16 b, f32x16 x, f32x16 y) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}

inline i32x16 splat_int(std::int32_t x) { return _mm512_set1_epi32(x); }
inline i32x16 add(i32x16 a, i32x16 b) { return _mm512_add_epi32(a, b); }
inline i32x16 sub(i32x16 a, i32x16 b) { return _mm512_sub_epi32(a, b); }
inline i32x16 mul(i32x16 a, i32x16 b) { return _mm512_mullo_epi32(a, b); }
inline i32x16 max(i32x16 a, i32x16 b) { return _mm512_max_epi32(a, b); }
inline i32x16 bit_and(i32x16 a, i32x16 b) { return _mm512_and_si512(a, b); }
template <int Bits>
inline i32x16 shift_left(i32x16 a) {
  return _mm512_slli_epi32(a, Bits);
}
template <int Bits>
inline i32x16 shift_right(i32x16 a) {
  return _mm512_srai_epi32(a, Bits);
}
inline std::int32_t sum_lanes(i32x16 a) { return _mm512_reduce_add_epi32(a); }
inline std::int32_t max_lanes(i32x16 a) { return _mm512_reduce_max_epi32(a); }

inline f32x16 to_float(i32x16 a) { return _mm512_cvtepi32_ps(a); }
inline i32x16 to_int(f32x16 a) { return _mm512_cvt_roundps_epi32(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline i32x16 as_int(f32x16 a) { return _mm512_castps_si512(a); }
inline f32x16 as_float(i32x16 a) { return _mm512_castsi512_ps(a); }

inline f32x16 load_half(const std::byte* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline f32x16 load_bfloat(const std::byte* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
inline i32x16 load_u8(const std::byte* p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline i32x16 load_s8(const std::byte* p) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline void store_s8(std::int8_t* p, i32x16 a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a));
}

inline u8x64 load_codes(const std::byte* p) { return {_mm512_loadu_si512(p)}; }
// g++ would rather load again what it knows to lie in memory: here loads are what there are too many of.
inline u8x64 load_kept(const std::byte* p) {
  u8x64 codes = load_codes(p);
  __asm__("" : "+v"(codes.v));
  return codes;
}
inline void store_codes(std::byte* p, u8x64 a) { _mm512_storeu_si512(p, a.v); }
// There is no shift of bytes: bits that a wider shift lets in from the neighbour are masked away.
inline u8x64 field(u8x64 a, int bit, int width, int to) {
  const __m512i down = _mm512_srl_epi16(a.v, _mm_cvtsi32_si128(bit > to ? bit - to : 0));
  const __m512i moved = _mm512_sll_epi16(down, _mm_cvtsi32_si128(bit < to ? to - bit : 0));
  return {_mm512_and_si512(moved, _mm512_set1_epi8(static_cast<char>(((1 << width) - 1) << to)))};
}
inline u8x64 splat_code(std::uint8_t x) { return {_mm512_set1_epi8(static_cast<char>(x))}; }
inline u8x64 bit_or(u8x64 a, u8x64 b) { return {_mm512_or_si512(a.v, b.v)}; }
using table16 = u8x64;
inline table16 load_table(const std::uint8_t* p) {
  return {_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
inline u8x64 lookup(table16 table, u8x64 codes) { return {_mm512_shuffle_epi8(table.v, codes.v)}; }
inline u8x64 expand(std::uint64_t mask, const std::byte* p, std::uint8_t fill) {
  return {_mm512_mask_expand_epi8(_mm512_set1_epi8(static_cast<char>(fill)), mask, _mm512_loadu_si512(p))};
}
inline i32x16 dot(i32x16 acc, u8x64 codes, const std::int8_t* x) {
  std::int32_t four;
  std::memcpy(&four, x, sizeof four);
  return _mm512_dpbusd_epi32(acc, codes.v, _mm512_set1_epi32(four));
}
inline i32x16 dot_narrow(i32x16 acc, u8x64 codes, const std::int8_t* x) { return dot(acc, codes, x); }
#include <pare/kernels/direct_runs.inl>
inline u8x64 subtract(u8x64 codes, std::uint8_t zero) {
  return {_mm512_sub_epi8(codes.v, _mm512_set1_epi8(static_cast<char>(zero)))};
}
// A byte shuffle over two registers takes 128 inputs; bit 7 of a position chooses between two of those.
template <int Cols>
inline u8x64 permute(const std::int8_t* x, u8x64 positions) {
  if constexpr (Cols == 64) return {_mm512_permutexvar_epi8(positions.v, _mm512_loadu_si512(x))};
  const auto half = [&](int at) {
    return _mm512_permutex2var_epi8(_mm512_loadu_si512(x + at), positions.v, _mm512_loadu_si512(x + at + 64));
  };
  return {_mm512_mask_blend_epi8(_mm512_movepi8_mask(positions.v), half(0), half(128))};
}
inline i32x16 dot(i32x16 acc, u8x64 codes, u8x64 x) { return _mm512_dpbusd_epi32(acc, codes.v, x.v); }
// The instruction takes x unsigned.
inline constexpr bool biases_inputs = true;
inline i32x16 dot_signed(i32x16 acc, u8x64 weights, u8x64 x) {
  return _mm512_dpbusd_epi32(acc, _mm512_xor_si512(x.v, _mm512_set1_epi8(-128)), weights.v);
}
inline i32x16 add_signed(i32x16 acc, u8x64 weights) { return _mm512_dpbusd_epi32(acc, _mm512_set1_epi8(1), weights.v); }
template <int Place>
inline i32x16 column(u8x64 codes) {
  if constexpr (Place == 0) return _mm512_and_si512(codes.v, _mm512_set1_epi32(255));
  if constexpr (Place == 3) return _mm512_srli_epi32(codes.v, 24);
  const __m128i from =
      _mm_setr_epi8(Place, -1, -1, -1, Place + 4, -1, -1, -1, Place + 8, -1, -1, -1, Place + 12, -1, -1, -1);
  return _mm512_shuffle_epi8(codes.v, _mm512_broadcast_i32x4(from));
}
// The lookup regards bits 0 to 3 of a lane alone.
inline constexpr bool looks_up_columns = true;
template <int Bit>
inline f32x16 lookup_bits(f32x16 table, u8x64 codes) {
  return _mm512_permutexvar_ps(_mm512_srli_epi32(codes.v, Bit), table);
}
// Always inlined: g++ 12 takes a function that only prefetches for one without effect and drops the call.
[[gnu::always_inline]] inline void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

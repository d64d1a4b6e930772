// The vocabulary in plain C++: what every word means. Included inside the region and namespace of its instruction set.

inline constexpr bool decodes_in_registers = false;
inline constexpr bool decodes_listed = false;  // a single sample of listed codes, in registers
inline constexpr int int8_tile = 1;            // samples that a multiply takes at once
inline constexpr int int8_panels = 1;          // and panels
inline constexpr int float_tile = 1;
inline constexpr int largest_run_code = 255;  // that dot_run takes

// Which kernels multiply one sample of 8-bit inputs with codes in planes.
namespace plain {}
namespace one_sample = plain;

struct f32x16 {
  float lane[16];
};
struct i32x16 {
  std::int32_t lane[16];
};
struct u8x64 {
  std::uint8_t byte[64];
};

template <class Function>
inline f32x16 each_float(Function&& f) {
  f32x16 r;
  for (int i = 0; i < 16; ++i) r.lane[i] = f(i);
  return r;
}
template <class Function>
inline i32x16 each_int(Function&& f) {
  i32x16 r;
  for (int i = 0; i < 16; ++i) r.lane[i] = f(i);
  return r;
}
template <class Function>
inline u8x64 each_byte(Function&& f) {
  u8x64 r;
  for (int i = 0; i < 64; ++i) r.byte[i] = static_cast<std::uint8_t>(f(i));
  return r;
}

// 16 floats
inline f32x16 load(const float* p) {
  return each_float([&](int i) { return p[i]; });
}
inline void store(float* p, const f32x16& a) { std::memcpy(p, a.lane, sizeof a.lane); }
// Lanes from n on are `fill` and not read.
inline f32x16 load_first(const float* p, index_t n, float fill) {
  return each_float([&](int i) { return i < n ? p[i] : fill; });
}
inline f32x16 splat(float x) {
  return each_float([&](int) { return x; });
}
inline f32x16 add(const f32x16& a, const f32x16& b) {
  return each_float([&](int i) { return a.lane[i] + b.lane[i]; });
}
inline f32x16 sub(const f32x16& a, const f32x16& b) {
  return each_float([&](int i) { return a.lane[i] - b.lane[i]; });
}
inline f32x16 mul(const f32x16& a, const f32x16& b) {
  return each_float([&](int i) { return a.lane[i] * b.lane[i]; });
}
inline f32x16 div(const f32x16& a, const f32x16& b) {
  return each_float([&](int i) { return a.lane[i] / b.lane[i]; });
}
// a · b + c, rounded once
inline f32x16 fma(const f32x16& a, const f32x16& b, const f32x16& c) {
  return each_float([&](int i) { return __builtin_fmaf(a.lane[i], b.lane[i], c.lane[i]); });
}
// a < b ? a : b and a > b ? a : b, so b where one is NaN
inline f32x16 min(const f32x16& a, const f32x16& b) {
  return each_float([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline f32x16 max(const f32x16& a, const f32x16& b) {
  return each_float([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
// a < b ? x : y
inline f32x16 select_less(const f32x16& a, const f32x16& b, const f32x16& x, const f32x16& y) {
  return each_float([&](int i) { return a.lane[i] < b.lane[i] ? x.lane[i] : y.lane[i]; });
}

// 16 integers
inline i32x16 splat_int(std::int32_t x) {
  return each_int([&](int) { return x; });
}
inline i32x16 add(const i32x16& a, const i32x16& b) {
  return each_int([&](int i) { return a.lane[i] + b.lane[i]; });
}
inline i32x16 sub(const i32x16& a, const i32x16& b) {
  return each_int([&](int i) { return a.lane[i] - b.lane[i]; });
}
inline i32x16 mul(const i32x16& a, const i32x16& b) {
  return each_int([&](int i) { return a.lane[i] * b.lane[i]; });
}
inline i32x16 max(const i32x16& a, const i32x16& b) {
  return each_int([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline i32x16 bit_and(const i32x16& a, const i32x16& b) {
  return each_int([&](int i) { return a.lane[i] & b.lane[i]; });
}
template <int Bits>
inline i32x16 shift_left(const i32x16& a) {
  return each_int([&](int i) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(a.lane[i]) << Bits); });
}
// Of signed numbers.
template <int Bits>
inline i32x16 shift_right(const i32x16& a) {
  return each_int([&](int i) { return a.lane[i] >> Bits; });
}
inline std::int32_t sum_lanes(const i32x16& a) {
  std::int32_t sum = 0;
  for (const std::int32_t x : a.lane) sum += x;
  return sum;
}
inline std::int32_t max_lanes(const i32x16& a) {
  std::int32_t most = a.lane[0];
  for (const std::int32_t x : a.lane) most = x > most ? x : most;
  return most;
}

// Between them. to_int rounds to nearest, ties to even, for |a| < 2^22.
inline f32x16 to_float(const i32x16& a) {
  return each_float([&](int i) { return static_cast<float>(a.lane[i]); });
}
inline i32x16 to_int(const f32x16& a) {
  constexpr float magic = 12582912.0f;  // 1.5 · 2^23
  return each_int([&](int i) { return static_cast<std::int32_t>((a.lane[i] + magic) - magic); });
}
inline i32x16 as_int(const f32x16& a) {
  return each_int([&](int i) { return std::bit_cast<std::int32_t>(a.lane[i]); });
}
inline f32x16 as_float(const i32x16& a) {
  return each_float([&](int i) { return std::bit_cast<float>(a.lane[i]); });
}

// 16 narrow numbers to and from memory
inline f32x16 load_half(const std::byte* p) {
  return each_float([&](int i) {
    std::uint16_t h;
    std::memcpy(&h, p + 2 * i, 2);
    const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000) << 16;
    const std::uint32_t rest = h & 0x7fffu;
    // By multiples of 2^-24, or with 112 added to the exponent: no step meets a subnormal float, which a thread may
    // flush.
    const float magnitude =
        rest < 0x400 ? static_cast<float>(rest) * 0x1p-24f : std::bit_cast<float>((rest << 13) + (112u << 23));
    const std::uint32_t bits = rest < 0x7c00 ? std::bit_cast<std::uint32_t>(magnitude) : 0x7f800000u | rest << 13;
    return std::bit_cast<float>(sign | bits);
  });
}
inline f32x16 load_bfloat(const std::byte* p) {
  return each_float([&](int i) {
    std::uint16_t b;
    std::memcpy(&b, p + 2 * i, 2);
    return std::bit_cast<float>(std::uint32_t{b} << 16);
  });
}
inline i32x16 load_u8(const std::byte* p) {
  return each_int([&](int i) { return std::to_integer<std::int32_t>(p[i]); });
}
inline i32x16 load_s8(const std::byte* p) {
  return each_int([&](int i) { return std::int32_t{std::bit_cast<std::int8_t>(p[i])}; });
}
inline void store_s8(std::int8_t* p, const i32x16& a) {
  for (int i = 0; i < 16; ++i) p[i] = static_cast<std::int8_t>(a.lane[i]);
}

// 64 codes
inline u8x64 load_codes(const std::byte* p) {
  u8x64 r;
  std::memcpy(r.byte, p, sizeof r.byte);
  return r;
}
// The same for what is used more than once.
inline u8x64 load_kept(const std::byte* p) { return load_codes(p); }
inline void store_codes(std::byte* p, const u8x64& a) { std::memcpy(p, a.byte, sizeof a.byte); }
// Bits [bit, bit + width) of each byte, moved to bit `to`. Where speed counts they are constants, once loops are
// unrolled.
inline u8x64 field(const u8x64& a, int bit, int width, int to) {
  return each_byte([&](int i) { return (a.byte[i] >> bit & ((1 << width) - 1)) << to; });
}
inline u8x64 splat_code(std::uint8_t x) {
  return each_byte([&](int) { return x; });
}
inline u8x64 bit_or(const u8x64& a, const u8x64& b) {
  return each_byte([&](int i) { return a.byte[i] | b.byte[i]; });
}
// table[code] for codes below 16
using table16 = u8x64;
inline table16 load_table(const std::uint8_t* p) {
  return each_byte([&](int i) { return p[i % 16]; });
}
inline u8x64 lookup(const table16& table, const u8x64& codes) {
  return each_byte([&](int i) { return table.byte[codes.byte[i]]; });
}
// Where bit i of the mask is set the next byte of p, elsewhere fill; up to 64 bytes of p are read.
inline u8x64 expand(std::uint64_t mask, const std::byte* p, std::uint8_t fill) {
  return each_byte([&](int i) { return mask >> i & 1 ? std::to_integer<std::uint8_t>(*p++) : fill; });
}
// acc[r] + sum over c = 0..3 of codes[4 r + c] · x[c]
inline i32x16 dot(const i32x16& acc, const u8x64& codes, const std::int8_t* x) {
  return each_int([&](int r) {
    std::int32_t sum = acc.lane[r];
    for (int c = 0; c < 4; ++c) sum += codes.byte[4 * r + c] * x[c];
    return sum;
  });
}
// The same for codes up to largest_run_code, over a run of steps: sum = begin_run(acc, codes, x) takes the first step,
// sum = dot_run(sum, codes, x) each of the others, and acc = end_run(acc, sum). A set that sums_start_in_16_bits adds
// no more steps to a run than fit.
inline i32x16 dot_narrow(const i32x16& acc, const u8x64& codes, const std::int8_t* x) { return dot(acc, codes, x); }
#include <pare/kernels/direct_runs.inl>
// Bytes minus `zero`, as signed bytes from here on
inline u8x64 subtract(const u8x64& codes, std::uint8_t zero) {
  return each_byte([&](int i) { return codes.byte[i] - zero; });
}
// x[position] for positions below Cols, which is 64 or 256; all of x may be read
template <int Cols>
inline u8x64 permute(const std::int8_t* x, const u8x64& positions) {
  return each_byte([&](int i) { return x[positions.byte[i]]; });
}
// acc[r] + sum over c = 0..3 of weights[4 r + c] · x[4 r + c] for signed bytes, those of x above -128. A set that
// biases_inputs does so with 128 added to x, and has acc[r] + sum over c = 0..3 of weights[4 r + c].
inline constexpr bool biases_inputs = false;
inline i32x16 dot_signed(const i32x16& acc, const u8x64& weights, const u8x64& x) {
  return each_int([&](int r) {
    std::int32_t sum = acc.lane[r];
    for (int i = 4 * r; i < 4 * r + 4; ++i)
      sum += static_cast<std::int8_t>(weights.byte[i]) * static_cast<std::int8_t>(x.byte[i]);
    return sum;
  });
}
inline i32x16 add_signed(const i32x16& acc, const u8x64&) { return acc; }
// codes[4 r + Place] as 16 integers
template <int Place>
inline i32x16 column(const u8x64& codes) {
  return each_int([&](int r) { return std::int32_t{codes.byte[4 * r + Place]}; });
}
// table[four bits from Bit on of the 32 that codes[4 r] to codes[4 r + 3] are], in a set that looks_up_columns
inline constexpr bool looks_up_columns = false;
template <int Bit>
inline f32x16 lookup_bits(const f32x16& table, const u8x64& codes) {
  return each_float([&](int r) {
    std::uint32_t word;
    std::memcpy(&word, codes.byte + 4 * r, sizeof word);
    return table.lane[word >> Bit & 15];
  });
}
// To the first-level cache. Always inlined: g++ 12 takes a function that only prefetches for one without effect and
// drops the call.
[[gnu::always_inline]] inline void prefetch(const void* p) { __builtin_prefetch(p); }

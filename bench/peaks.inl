// The most that the words of an instruction set do: sums of products of bytes and fused multiply-adds in registers,
// each with one input from the first-level cache as in the kernels, and reading. Included for every instruction set.

// Independent sums, enough to hide how long an instruction takes and few enough for the registers: a vector is one
// register with AVX-512, else two or four; a run of sums may take twice that.
inline constexpr int chains = alignof(f32x16) == 64 ? 12 : 6;
inline constexpr int run_chains = sizeof(run_sums) > sizeof(f32x16) ? 3 : chains;

// `rounds` times run_chains steps of 64 codes of 4 bits.
inline std::int32_t sum_products(index_t rounds, const std::byte* codes, const std::int8_t* x) {
  const u8x64 step = load_codes(codes);
  i32x16 sums[run_chains];
  run_sums runs[run_chains];
  PARE_UNROLL
  for (int i = 0; i < run_chains; ++i) sums[i] = splat_int(0);
  constexpr index_t run = 8;
  for (index_t round = 0; round < rounds; round += run) {
    PARE_UNROLL
    for (int i = 0; i < run_chains; ++i) runs[i] = begin_run(sums[i], step, x + 4 * i);
    for (index_t s = 1; s < run; ++s) {
      PARE_UNROLL
      for (int i = 0; i < run_chains; ++i) runs[i] = dot_run(runs[i], step, x + 4 * i);
      __asm__ volatile("" : "+r"(x));  // the inputs are read anew
    }
    PARE_UNROLL
    for (int i = 0; i < run_chains; ++i) sums[i] = end_run(sums[i], runs[i]);
  }
  i32x16 total = sums[0];
  for (int i = 1; i < run_chains; ++i) total = add(total, sums[i]);
  return sum_lanes(total);
}

// `rounds` times `chains` steps of 64 codes of 8 bits, for which 16 bits may be too narrow.
inline std::int32_t sum_wide_products(index_t rounds, const std::byte* codes, const std::int8_t* x) {
  const u8x64 step = load_codes(codes);
  i32x16 sums[chains];
  PARE_UNROLL
  for (int i = 0; i < chains; ++i) sums[i] = splat_int(0);
  for (index_t round = 0; round < rounds; ++round) {
    PARE_UNROLL
    for (int i = 0; i < chains; ++i) sums[i] = dot(sums[i], step, x + 4 * i);
    __asm__ volatile("" : "+r"(x));
  }
  i32x16 total = sums[0];
  for (int i = 1; i < chains; ++i) total = add(total, sums[i]);
  return sum_lanes(total);
}

// `rounds` times `chains` fused multiply-adds of 16 floats.
inline float multiply_add(index_t rounds, const float* weights, const float* x) {
  const f32x16 column = load(weights);
  f32x16 sums[chains];
  PARE_UNROLL
  for (int i = 0; i < chains; ++i) sums[i] = splat(0);
  for (index_t round = 0; round < rounds; ++round) {
    PARE_UNROLL
    for (int i = 0; i < chains; ++i) sums[i] = fma(column, splat(x[i]), sums[i]);
    __asm__ volatile("" : "+r"(x));
  }
  f32x16 total = sums[0];
  for (int i = 1; i < chains; ++i) total = add(total, sums[i]);
  float lanes[16];
  store(lanes, total);
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

// Reads [begin, end), a multiple of read_part bytes, as so many streams side by side. Data are prefetched so many bytes
// ahead, or, at 0, by the machine's own lights.
template <int Streams, int Ahead>
std::int32_t read_streams(const std::byte* begin, const std::byte* end) {
  i32x16 sums[4];
  PARE_UNROLL
  for (int i = 0; i < 4; ++i) sums[i] = splat_int(0);
  const std::ptrdiff_t length = (end - begin) / Streams;
  constexpr int bytes = 2048 / Streams;
  for (const std::byte* at = begin; at != begin + length; at += bytes)
    for (int stream = 0; stream < Streams; ++stream) {
      PARE_UNROLL
      for (int line = 0; line < bytes; line += 64) {
        const std::byte* const from = at + stream * length + line;
        if constexpr (Ahead > 0) prefetch(from + Ahead);
        sums[line / 64 % 4] = add(sums[line / 64 % 4], as_int(load(reinterpret_cast<const float*>(from))));
      }
    }
  return sum_lanes(add(add(sums[0], sums[1]), add(sums[2], sums[3])));
}

inline constexpr peak_table kernels = {sum_products,
                                       run_chains,
                                       sum_wide_products,
                                       chains,
                                       multiply_add,
                                       chains,
                                       {read_streams<1, 4096>, read_streams<1, 0>, read_streams<4, 0>}};

// Runs of sums for an instruction set whose sums of products are 32-bit integers from the start: the sum itself. The
// set brings dot_narrow, a dot for codes up to largest_run_code.

inline constexpr bool sums_start_in_16_bits = false;

using run_sums = i32x16;
inline run_sums dot_run(const run_sums& run, const u8x64& codes, const std::int8_t* x) {
  return dot_narrow(run, codes, x);
}
inline run_sums begin_run(const i32x16& acc, const u8x64& codes, const std::int8_t* x) {
  return dot_narrow(acc, codes, x);
}
inline i32x16 end_run(const i32x16&, const run_sums& run) { return run; }

// Runs of sums for an instruction set whose sums of products are 32-bit integers from the start: the sum itself. The
// set brings its own dot_run.

inline constexpr bool sums_start_in_16_bits = false;

using run_sums = i32x16;
inline run_sums begin_run(const i32x16& acc) { return acc; }
inline i32x16 end_run(const i32x16&, const run_sums& run) { return run; }

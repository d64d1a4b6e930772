// How many steps a run of sums takes, by the numbers of bits of codes.

// Whether all codes of so many bits fit runs.
constexpr bool fits_runs(int bits) { return largest_run_code == 255 || bits < 8; }

// Steps whose products of codes of so many bits add up to no more than 16 bits, in pairs: a power of two.
constexpr index_t steps_per_run(int bits) {
  const int largest = bits == 1 ? 2 : (1 << bits) - 1;
  index_t steps = 64;
  while (sums_start_in_16_bits && steps > 1 && steps * 2 * 127 * largest > 32767) steps /= 2;
  return steps;
}

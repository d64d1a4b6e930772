// The multiply of one sample of 8-bit inputs with codes in planes: they go from memory into the products by way of
// registers, and what is done once per group is kept as short as can be.

// Whether all codes of so many bits fit runs.
constexpr bool fits_runs(int bits) { return largest_run_code == 255 || bits < 8; }

// Steps whose products of codes of so many bits add up to no more than 16 bits, in pairs: a power of two.
constexpr index_t steps_per_run(int bits) {
  const int largest = bits == 1 ? 2 : (1 << bits) - 1;
  index_t steps = 64;
  while (sums_start_in_16_bits && steps > 1 && steps * 2 * 127 * largest > 32767) steps /= 2;
  return steps;
}

// Adds a chunk of codes to sums of a tile, whose inputs at its first step are x[b].
template <int Bits, int Tile, int... Step>
PARE_INLINE void add_chunk(i32x16 (&dots)[Tile], const chunk_planes<Bits>& chunk, const std::int8_t* const (&x)[Tile],
                           std::integer_sequence<int, Step...>) {
  constexpr index_t run = steps_per_run(Bits);
  run_sums runs[Tile];
  // A chunk of a single sample is summed up apart, so as not to wait for the one before.
  i32x16 sums[Tile];
  PARE_UNROLL
  for (int b = 0; b < Tile; ++b) sums[b] = Tile == 1 ? splat_int(0) : dots[b];
  const auto add_step = [&](auto step, const u8x64& codes) PARE_INLINE_LAMBDA {
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) {
      const std::int8_t* inputs = x[b] + step * step_cols;
      if constexpr (!fits_runs(Bits)) {
        sums[b] = dot(sums[b], codes, inputs);
      } else {
        runs[b] = step % run == 0 ? begin_run(sums[b], codes, inputs) : dot_run(runs[b], codes, inputs);
        if constexpr (step % run == run - 1 || step == chunk_steps - 1) sums[b] = end_run(sums[b], runs[b]);
      }
    }
  };
  (add_step(std::integral_constant<int, Step>(), decode_step<Bits, Step>(chunk)), ...);
  PARE_UNROLL
  for (int b = 0; b < Tile; ++b) dots[b] = Tile == 1 ? add(dots[b], sums[b]) : sums[b];
}

// Adds the last steps of a group, less than a chunk.
[[gnu::noinline]] inline i32x16 add_rest(i32x16 dots, int bits, const std::byte* planes, index_t steps,
                                         const std::int8_t* x) {
  alignas(64) std::byte codes[chunk_steps * step_codes];
  decode_codes(bits, planes, steps, codes);
  for (index_t s = 0; s < steps; ++s) dots = dot(dots, load_codes(codes + s * step_codes), x + s * step_cols);
  return dots;
}

template <int Bits>
void multiply_one(const multiply_arguments& a) {
  const panel_layout& layout = a.weights->layout();
  for (index_t panel = a.panel_begin; panel < a.panel_end; ++panel) {
    const group_parameters parameters(*a.weights, panel);
    const std::byte* planes = a.weights->panel(panel) + layout.values_at;
    read_lines(a.weights->panel(panel), planes);
    const std::int8_t* x[1] = {a.x.codes};
    f32x16 sum = splat(0), offset_sum = splat(0);
    for (index_t group = 0; group < layout.groups; ++group) {
      i32x16 dots[1] = {splat_int(a.x.zero_sums[group])};
      if (parameters.has_zero_points()) dots[0] = mul(parameters.zeros(group), dots[0]);
      index_t left = group + 1 == layout.groups ? layout.last_group_steps : layout.group_steps;
      for (; left >= chunk_steps; left -= chunk_steps) {
        add_chunk<Bits>(dots, {planes, chunk_steps}, x, std::make_integer_sequence<int, chunk_steps>{});
        planes += chunk_bytes(Bits, chunk_steps);
        x[0] += chunk_steps * step_cols;
      }
      if (left > 0) [[unlikely]]
        dots[0] = add_rest(dots[0], Bits, planes, left, x[0]);
      sum = fma(to_float(dots[0]), mul(parameters.scales(group), splat(a.x.scales[group])), sum);
      if (parameters.has_offsets())
        offset_sum = fma(parameters.offsets(group), splat(a.x.value_sums[group]), offset_sum);
    }
    store(a.y + panel * panel_rows, parameters.output(sum, offset_sum, a.bias + panel * panel_rows));
  }
}

// Groups are whole chunks, but for the end of the last one. A template so that it is compiled only where it is used.
template <std::same_as<multiply_arguments> Arguments>
void multiply_one(const Arguments& a) {
  switch (a.weights->format().bits) {
    case 1: return multiply_one<1>(a);
    case 2: return multiply_one<2>(a);
    case 3: return multiply_one<3>(a);
    case 4: return multiply_one<4>(a);
    case 5: return multiply_one<5>(a);
    case 6: return multiply_one<6>(a);
    case 7: return multiply_one<7>(a);
    default: return multiply_one<8>(a);
  }
}

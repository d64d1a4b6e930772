// The multiply of 8-bit inputs with codes in planes: they go from memory into the products by way of registers, anew
// for every tile of samples. Groups are whole chunks, but for the end of the last one.

// Steps that the loop of a tile takes at a time: a chunk, or where that would be many instructions those of one vector
// of codes, of 8 bits of four.
template <int Bits, int Tile>
inline constexpr int steps_at_once =
    Tile > 1 && !sums_start_in_16_bits && planes_of(Bits).count == 1 ? (Bits == 8 ? 4 : 8 / Bits) : chunk_steps;

// Adds the first steps of a chunk of each panel to sums of a tile, whose inputs at the first step are x[b] + col.
template <int Bits, int Steps, int Panels, int Tile>
PARE_INLINE void add_decoded_steps(i32x16 (&dots)[Panels][Tile], const std::byte* const (&planes)[Panels],
                                   const std::int8_t* const (&x)[Tile], index_t col) {
  constexpr index_t run = steps_per_run(Bits);
  run_sums runs[Panels][Tile];
  // Those of a single sample are summed up apart, so as not to wait for the one before.
  constexpr bool apart = Panels * Tile == 1;
  i32x16 sums[Panels][Tile];
  PARE_UNROLL
  for (int p = 0; p < Panels; ++p) {
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) sums[p][b] = apart ? splat_int(0) : dots[p][b];
  }
  PARE_UNROLL
  for (int step = 0; step < Steps; ++step) {
    PARE_UNROLL
    for (int p = 0; p < Panels; ++p) {
      const u8x64 codes = decode_step<Bits>(planes[p], step);
      PARE_UNROLL
      for (int b = 0; b < Tile; ++b) {
        const std::int8_t* inputs = x[b] + col + step * step_cols;
        if constexpr (!fits_runs(Bits)) {
          sums[p][b] = dot(sums[p][b], codes, inputs);
        } else {
          runs[p][b] = step % run == 0 ? begin_run(sums[p][b], codes, inputs) : dot_run(runs[p][b], codes, inputs);
          if (step % run == run - 1 || step == Steps - 1) sums[p][b] = end_run(sums[p][b], runs[p][b]);
        }
      }
    }
  }
  PARE_UNROLL
  for (int p = 0; p < Panels; ++p) {
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) dots[p][b] = apart ? add(dots[p][b], sums[p][b]) : sums[p][b];
  }
}

// Whether codes of a single sample are multiplied in place: those of one plane, if a sum of products takes any byte.
// Fields are then not moved to bit 0, but those of each place have sums of their own, and it is the sums that move.
constexpr bool multiplies_in_place(int bits) { return (bits == 2 || bits == 4) && largest_run_code == 255; }

// Chunks whose sums stay far below 2^31 at any place.
inline constexpr index_t most_chunks_in_place = 64;

// Adds so many chunks, and moves planes and inputs behind them. Each place has so many sums, by turns: two where there
// are two places, so that a long group does not wait for the one before.
template <int Bits, int Sums>
PARE_INLINE i32x16 add_in_place(i32x16 dots, const std::byte*& planes, const std::int8_t*& x, index_t chunks) {
  constexpr int places = 8 / Bits;
  i32x16 sums[places][Sums];
  PARE_UNROLL
  for (int place = 0; place < places; ++place) {
    PARE_UNROLL
    for (int i = 0; i < Sums; ++i) sums[place][i] = splat_int(0);
  }
  for (; chunks > 0; --chunks) {
    PARE_UNROLL
    for (int v = 0; v < Bits; ++v, planes += step_codes) {
      const u8x64 codes = load_kept(planes);
      PARE_UNROLL
      for (int place = 0; place < places; ++place, x += step_cols)
        sums[place][v % Sums] = dot(sums[place][v % Sums], field(codes, place * Bits, Bits, place * Bits), x);
    }
  }
  i32x16 upper = splat_int(0);
  PARE_UNROLL
  for (int place = places - 1; place >= 0; --place) {
    upper = shift_right<Bits>(upper);
    PARE_UNROLL
    for (int i = 0; i < Sums; ++i) upper = add(upper, sums[place][i]);
  }
  return add(dots, upper);
}

template <int Bits>
PARE_INLINE i32x16 add_chunks_in_place(i32x16 dots, const std::byte*& planes, const std::int8_t* x, index_t chunks) {
  if (Bits == 4 && chunks == 1) return add_in_place<Bits, 1>(dots, planes, x, 1);
  while (chunks > 0) {
    const index_t count = chunks < most_chunks_in_place ? chunks : most_chunks_in_place;
    dots = add_in_place < Bits, Bits == 4 ? 2 : 1 > (dots, planes, x, count);
    chunks -= count;
  }
  return dots;
}

// Adds the last steps of a group, less than a chunk.
[[gnu::noinline]] inline i32x16 add_rest(i32x16 dots, int bits, const std::byte* planes, index_t steps,
                                         const std::int8_t* x) {
  alignas(64) std::byte codes[chunk_steps * step_codes];
  decode_codes(bits, planes, steps, codes);
  for (index_t s = 0; s < steps; ++s) dots = dot(dots, load_codes(codes + s * step_codes), x + s * step_cols);
  return dots;
}

// The outputs of a tile of samples for panels [begin, end), a few at a time, so that an input that has been loaded
// serves them all; behind the last one there is that one once more. What is done once per group is kept as short as can
// be.
template <int Bits, int Tile, int... Panel>
[[gnu::noinline]] void multiply_tile(const multiply_arguments& a, index_t begin, index_t end, index_t sample,
                                     std::integer_sequence<int, Panel...>) {
  constexpr int panels = sizeof...(Panel);
  const packed_matrix& w = *a.weights;
  const panel_layout& layout = w.layout();
  const tile_inputs<Tile, std::int8_t> inputs(a.x.codes, a, sample);
  for (; begin < end; begin += panels) {
    const index_t panel[panels] = {(begin + Panel < end ? begin + Panel : end - 1)...};
    const group_parameters parameters[panels] = {group_parameters(w, panel[Panel])...};
    const std::byte* planes[panels] = {(w.panel(panel[Panel]) + layout.values_at)...};
    if constexpr (Tile == 1) (read_first(w, w.panel(panel[Panel]), planes[Panel]), ...);
    f32x16 sums[panels][Tile];
    f32x16 offset_sums[panels][Tile];
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) ((sums[Panel][b] = offset_sums[Panel][b] = splat(0)), ...);
    index_t col = 0;
    for (index_t group = 0; group < layout.groups; ++group) {
      const index_t at = group * a.x.samples + sample;
      i32x16 dots[panels][Tile];
      PARE_UNROLL
      for (int p = 0; p < panels; ++p) {
        PARE_UNROLL
        for (int b = 0; b < Tile; ++b) dots[p][b] = splat_int(a.x.zero_sums[at + b]);
        if (!parameters[p].has_zero_points()) continue;
        const i32x16 zeros = parameters[p].zeros(group);
        PARE_UNROLL
        for (int b = 0; b < Tile; ++b) dots[p][b] = mul(zeros, dots[p][b]);
      }
      index_t left = layout.steps_in_group(group);
      if constexpr (Tile == 1 && multiplies_in_place(Bits)) {
        const std::int8_t* const x = inputs.x[0] + col;
        ((dots[Panel][0] = add_chunks_in_place<Bits>(dots[Panel][0], planes[Panel], x, left / chunk_steps)), ...);
        col += left / chunk_steps * chunk_steps * step_cols;
        left %= chunk_steps;
      } else {
        constexpr int steps = steps_at_once<Bits, Tile>;
        for (; left >= steps; left -= steps) {
          // Of 8 bits so much is read that what fetches ahead by itself does better.
          if constexpr (Tile > 1 && Bits < 8) (prefetch_lines<chunk_bytes(Bits, steps)>(planes[Panel]), ...);
          add_decoded_steps<Bits, steps>(dots, planes, inputs.x, col);
          ((planes[Panel] += chunk_bytes(Bits, steps)), ...);
          col += steps * step_cols;
        }
      }
      if (left > 0) [[unlikely]] {
        PARE_UNROLL
        for (int p = 0; p < panels; ++p) {
          PARE_UNROLL
          for (int b = 0; b < Tile; ++b) dots[p][b] = add_rest(dots[p][b], Bits, planes[p], left, inputs.x[b] + col);
        }
      }
      PARE_UNROLL
      for (int p = 0; p < panels; ++p) {
        const f32x16 scales = parameters[p].scales(group);
        PARE_UNROLL
        for (int b = 0; b < Tile; ++b) sums[p][b] = add_group(sums[p][b], dots[p][b], scales, a.x.scales[at + b]);
        if (!parameters[p].has_offsets()) continue;
        const f32x16 offsets = parameters[p].offsets(group);
        PARE_UNROLL
        for (int b = 0; b < Tile; ++b)
          offset_sums[p][b] = fma(offsets, splat(a.x.value_sums[at + b]), offset_sums[p][b]);
      }
    }
    PARE_UNROLL
    for (int p = 0; p < panels; ++p) {
      const index_t row = panel[p] * panel_rows;
      for (int b = 0; b < Tile && sample + b < a.batch; ++b)
        store(a.y + (sample + b) * a.y_stride + row, parameters[p].output(sums[p][b], offset_sums[p][b], a.bias + row));
    }
  }
}

// A single sample, for panels [begin, end). A template so that it is compiled only where it is used.
template <std::same_as<multiply_arguments> Arguments>
void multiply_one(const Arguments& a, index_t begin, index_t end, index_t sample) {
  const std::integer_sequence<int, 0> one_panel;
  switch (a.weights->format().bits) {
    case 1: return multiply_tile<1, 1>(a, begin, end, sample, one_panel);
    case 2: return multiply_tile<2, 1>(a, begin, end, sample, one_panel);
    case 3: return multiply_tile<3, 1>(a, begin, end, sample, one_panel);
    case 4: return multiply_tile<4, 1>(a, begin, end, sample, one_panel);
    case 5: return multiply_tile<5, 1>(a, begin, end, sample, one_panel);
    case 6: return multiply_tile<6, 1>(a, begin, end, sample, one_panel);
    case 7: return multiply_tile<7, 1>(a, begin, end, sample, one_panel);
    default: return multiply_tile<8, 1>(a, begin, end, sample, one_panel);
  }
}

template <int Bits>
void multiply_planes(const multiply_arguments& a) {
  for (index_t slice = 0; slice < a.batch; slice += slice_samples)
    for (index_t panel = a.panel_begin; panel < a.panel_end; panel += int8_panels) {
      const index_t end = panel + int8_panels < a.panel_end ? panel + int8_panels : a.panel_end;
      const index_t count = a.batch - slice < slice_samples ? a.batch - slice : slice_samples;
      for_each_tile<int8_tile>(count, [&](auto tile, index_t first) {
        if constexpr (tile == 1)
          one_sample::multiply_one(a, panel, end, slice + first);
        else
          multiply_tile<Bits, tile>(a, panel, end, slice + first, std::make_integer_sequence<int, int8_panels>{});
      });
    }
}

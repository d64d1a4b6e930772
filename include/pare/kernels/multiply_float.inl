// The multiply with float inputs: two sums within a group, of its even and of its odd columns.

// What one sample has summed up: in the group that is under way, of which dense weights have one, and over groups.
struct float_state {
  f32x16 place[2];
  f32x16 sum;
  f32x16 offset_sum;

  PARE_INLINE void begin_group() { place[0] = place[1] = splat(0); }
  PARE_INLINE void clear() { place[0] = place[1] = sum = offset_sum = splat(0); }
  PARE_INLINE void end_group(const group_parameters& parameters, index_t group, float value_sum) {
    if (!parameters.has_scales()) return;
    sum = fma(add(place[0], place[1]), parameters.scales(group), sum);
    if (parameters.has_offsets()) offset_sum = fma(parameters.offsets(group), splat(value_sum), offset_sum);
  }
  PARE_INLINE f32x16 output(const group_parameters& parameters, const float* bias) const {
    if (parameters.has_scales()) return parameters.output(sum, offset_sum, bias);
    return add(add(place[0], place[1]), load(bias));
  }
};

// ---- Weights of a range of steps by columns: get<Place>(step) is the Place-th column of a step as floats.

struct code_columns {
  static constexpr index_t step_bytes = step_codes;
  const std::byte* codes;
  i32x16 zeros;

  code_columns(const group_parameters& parameters, index_t group, const std::byte* from)
      : codes(from), zeros(parameters.zeros(group)) {}

  template <int Place>
  PARE_INLINE f32x16 get(index_t step) const {
    return to_float(sub(column<Place>(load_codes(codes + step * step_codes)), zeros));
  }
};

inline constexpr std::byte first_16[16] = {std::byte{0},  std::byte{1},  std::byte{2},  std::byte{3},
                                           std::byte{4},  std::byte{5},  std::byte{6},  std::byte{7},
                                           std::byte{8},  std::byte{9},  std::byte{10}, std::byte{11},
                                           std::byte{12}, std::byte{13}, std::byte{14}, std::byte{15}};
// What codes of so many bits stand for, up to a scale, by 4 bits of which those above the code may be anything.
inline f32x16 level_values(int bits, const i32x16& zeros) {
  return to_float(sub(bit_and(load_u8(first_16), splat_int((1 << bits) - 1)), zeros));
}

// Codes below 16 with the same zero everywhere, by a table of what they stand for.
struct small_code_columns {
  static constexpr index_t step_bytes = step_codes;
  const std::byte* codes;
  f32x16 values;

  small_code_columns(const group_parameters& parameters, index_t group, const std::byte* from)
      : codes(from), values(level_values(4, parameters.zeros(group))) {}

  template <int Place>
  PARE_INLINE f32x16 get(index_t step) const {
    return lookup_bits<8 * Place>(values, load_codes(codes + step * step_codes));
  }
};

struct float_columns {
  static constexpr index_t step_bytes = step_codes * 4;
  const std::byte* weights;

  float_columns(const group_parameters&, index_t, const std::byte* from) : weights(from) {}

  template <int Place>
  PARE_INLINE f32x16 get(index_t step) const {
    return load(reinterpret_cast<const float*>(weights) + (step * step_cols + Place) * panel_rows);
  }
};

struct bfloat_columns {
  static constexpr index_t step_bytes = step_codes * 2;
  const std::byte* weights;

  bfloat_columns(const group_parameters&, index_t, const std::byte* from) : weights(from) {}

  template <int Place>
  PARE_INLINE f32x16 get(index_t step) const {
    return load_bfloat(weights + (step * step_cols + Place) * panel_rows * 2);
  }
};

// Steps of a panel that are gone over at a time.
inline constexpr index_t most_float_steps = 64;

// ---- One sample: columns go from memory into the products by way of registers.

template <class Columns>
[[gnu::noinline]] void add_columns(const Columns& columns, index_t steps, const float* x, float_state& state) {
  f32x16 even = state.place[0], odd = state.place[1];
  for (index_t s = 0; s < steps; ++s, x += step_cols) {
    even = fma(columns.template get<0>(s), splat(x[0]), even);
    odd = fma(columns.template get<1>(s), splat(x[1]), odd);
    even = fma(columns.template get<2>(s), splat(x[2]), even);
    odd = fma(columns.template get<3>(s), splat(x[3]), odd);
  }
  state.place[0] = even;
  state.place[1] = odd;
}

template <class Columns>
void multiply_one_float(const multiply_arguments& a) {
  const panel_layout& layout = a.weights->layout();
  for (index_t panel = a.panel_begin; panel < a.panel_end; ++panel) {
    const group_parameters parameters(*a.weights, panel);
    float_state state;
    state.clear();
    const auto add_range = [&](step_range range, const std::byte* values) {
      for_each_group_part(layout, range, [&](index_t group, step_range part, bool begins, bool ends) {
        const Columns columns(parameters, group, values + (part.begin - range.begin) * Columns::step_bytes);
        if (begins) state.begin_group();
        add_columns(columns, part.end - part.begin, a.x.values + part.begin * step_cols, state);
        if (ends) state.end_group(parameters, group, a.x.value_sums[group * a.x.samples]);
      });
    };
    for_each_decoded(*a.weights, panel, most_float_steps, step_visitor(add_range));
    store(a.y + panel * panel_rows, state.output(parameters, a.bias + panel * panel_rows));
  }
}

// ---- One sample and codes of 2 or 4 bits with the same zero everywhere: looked up where they lie in their plane.

// Adds the step whose codes are at `Bit` of each byte, and inputs at x, to the sums of even and of odd columns.
template <int Bit>
PARE_INLINE void look_up_step(const f32x16& values, const u8x64& codes, const float* x, f32x16 (&sums)[2]) {
  sums[0] = fma(lookup_bits<Bit>(values, codes), splat(x[0]), sums[0]);
  sums[1] = fma(lookup_bits<Bit + 8>(values, codes), splat(x[1]), sums[1]);
  sums[0] = fma(lookup_bits<Bit + 16>(values, codes), splat(x[2]), sums[0]);
  sums[1] = fma(lookup_bits<Bit + 24>(values, codes), splat(x[3]), sums[1]);
}

template <int Bits, int... Step>
PARE_INLINE void look_up_vector(const f32x16& values, const u8x64& codes, const float* x, f32x16 (&sums)[2],
                                std::integer_sequence<int, Step...>) {
  (look_up_step<Step * Bits>(values, codes, x + Step * step_cols, sums), ...);
}

// Instructions bind it, so that few bytes are under way at a time: at the end of a page, where what the machine fetches
// ahead of its own accord stops, it would wait without prefetching.
template <int Bits>
void multiply_one_looked_up(const multiply_arguments& a) {
  constexpr int vector_steps = 8 / Bits;
  const panel_layout& layout = a.weights->layout();
  const f32x16 values = level_values(Bits, splat_int(zero_level(a.weights->format())));
  for (index_t panel = a.panel_begin; panel < a.panel_end; ++panel) {
    const group_parameters parameters(*a.weights, panel);
    const std::byte* planes = a.weights->panel(panel) + layout.values_at;
    read_lines(a.weights->panel(panel), planes);
    const float* x = a.x.values;
    f32x16 sum = splat(0), offset_sum = splat(0);
    for (index_t group = 0; group < layout.groups; ++group) {
      f32x16 sums[2] = {splat(0), splat(0)};
      index_t left = layout.steps_in_group(group);
      for (; left >= vector_steps; left -= vector_steps, x += vector_steps * step_cols, planes += step_codes) {
        prefetch(planes + prefetch_distance);
        look_up_vector<Bits>(values, load_codes(planes), x, sums, std::make_integer_sequence<int, vector_steps>{});
      }
      for (int step = 0; step < left; ++step, x += step_cols)
        look_up_step<0>(values, field(load_codes(planes), step * Bits, 4, 0), x, sums);
      sum = fma(add(sums[0], sums[1]), parameters.scales(group), sum);
      if (parameters.has_offsets())
        offset_sum = fma(parameters.offsets(group), splat(a.x.value_sums[group]), offset_sum);
    }
    store(a.y + panel * panel_rows, parameters.output(sum, offset_sum, a.bias + panel * panel_rows));
  }
}

// ---- A batch: columns become floats once.

// Adds every other column of weights [steps · 4][16] to the samples of a tile.
template <int Tile>
PARE_INLINE void add_every_other(f32x16 (&sums)[Tile], const float* weights, const tile_inputs<Tile, float>& inputs,
                                 index_t col, index_t end) {
  for (; col < end; col += 2, weights += 2 * panel_rows) {
    const f32x16 column = load(weights);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) sums[b] = fma(column, splat(inputs.x[b][col]), sums[b]);
  }
}

// Samples that go over the panels together: the more, the less often codes become floats. Their inputs need not fit the
// second-level cache.
inline constexpr index_t float_slice = 128;

// Adds the steps of a range, whose weights are [steps · 4][16], to the samples of a tile: in each group even and odd
// columns one after the other, for the sake of registers.
template <int Tile>
[[gnu::noinline]] void add_floats(const multiply_arguments& a, const group_parameters& parameters, step_range range,
                                  const float* weights, index_t sample, float_state* states) {
  const tile_inputs<Tile, float> inputs(a.x.values, a, sample);
  const auto add_part = [&](index_t group, step_range part, bool begins, bool ends) PARE_INLINE_LAMBDA {
    const float* first = weights + (part.begin - range.begin) * step_codes;
    f32x16 sums[2][Tile];
    PARE_UNROLL
    for (int place = 0; place < 2; ++place) {
      PARE_UNROLL
      for (int b = 0; b < Tile; ++b) sums[place][b] = begins ? splat(0) : states[b].place[place];
      add_every_other(sums[place], first + place * panel_rows, inputs, part.begin * step_cols + place,
                      part.end * step_cols);
    }
    if (!ends || !parameters.has_scales()) {
      PARE_UNROLL
      for (int b = 0; b < Tile; ++b) {
        states[b].place[0] = sums[0][b];
        states[b].place[1] = sums[1][b];
      }
      return;
    }
    const f32x16 scales = parameters.scales(group);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) states[b].sum = fma(add(sums[0][b], sums[1][b]), scales, states[b].sum);
    if (!parameters.has_offsets()) return;
    const f32x16 offsets = parameters.offsets(group);
    const float* value_sums = a.x.value_sums + group * a.x.samples + sample;
    for (int b = 0; b < Tile; ++b) states[b].offset_sum = fma(offsets, splat(value_sums[b]), states[b].offset_sum);
  };
  for_each_group_part(a.weights->layout(), range, add_part);
}

template <class Columns>
[[gnu::noinline]] void store_floats(const Columns& columns, index_t steps, float* out) {
  for (index_t s = 0; s < steps; ++s) {
    float* step = out + s * step_codes;
    store(step, columns.template get<0>(s));
    store(step + 16, columns.template get<1>(s));
    store(step + 32, columns.template get<2>(s));
    store(step + 48, columns.template get<3>(s));
  }
}

inline bool has_small_codes(const packed_format& format) {
  return looks_up_columns && format.bits <= 4 && !format.codebook && format.scheme != scheme::asymmetric;
}

// The weights of a range of steps as floats [steps · 4][16], in `room` unless they are that already.
inline const float* floats_of(const packed_matrix& w, const group_parameters& parameters, step_range range,
                              const std::byte* values, float* room) {
  const packed_format& format = w.format();
  if (format.encoding == encoding::dense) {
    if (format.bits == 32) return reinterpret_cast<const float*>(values);
    store_floats(bfloat_columns(parameters, 0, values), range.end - range.begin, room);
    return room;
  }
  for_each_group_part(w.layout(), range, [&](index_t group, step_range part, bool, bool) {
    const index_t at = (part.begin - range.begin) * step_codes;
    const index_t steps = part.end - part.begin;
    if constexpr (looks_up_columns)
      if (has_small_codes(format))
        return store_floats(small_code_columns(parameters, group, values + at), steps, room + at);
    store_floats(code_columns(parameters, group, values + at), steps, room + at);
  });
  return room;
}

inline void multiply_batch_float(const multiply_arguments& a) {
  for_each_slice<float_state, float_tile, float_slice>(
      a, [&](const group_parameters& parameters, index_t panel, index_t sample, index_t count, float_state* states) {
        alignas(64) float room[most_float_steps * step_codes];
        const auto add_range = [&](step_range range, const std::byte* values) {
          const float* weights = floats_of(*a.weights, parameters, range, values, room);
          for_each_tile<float_tile>(count, [&](auto tile, index_t first) {
            add_floats<tile>(a, parameters, range, weights, sample + first, states + first);
          });
        };
        for_each_decoded(*a.weights, panel, most_float_steps, step_visitor(add_range));
      });
}

// One sample of a set that looks_up_columns, and small codes. A template so that other sets do not compile it.
template <std::same_as<multiply_arguments> Arguments>
void multiply_one_small(const Arguments& a) {
  const packed_format& format = a.weights->format();
  const panel_layout& layout = a.weights->layout();
  const bool whole_vectors = layout.groups == 1 || layout.group_steps * format.bits % 8 == 0;
  if (format.encoding == encoding::codes && whole_vectors) {
    if (format.bits == 2) return multiply_one_looked_up<2>(a);
    if (format.bits == 4) return multiply_one_looked_up<4>(a);
  }
  multiply_one_float<small_code_columns>(a);
}

inline void multiply_float(const multiply_arguments& a) noexcept {
  if constexpr (decodes_in_registers)
    if (a.batch == 1) {
      const packed_format& format = a.weights->format();
      if constexpr (looks_up_columns)
        if (has_small_codes(format)) return multiply_one_small(a);
      if (format.encoding != encoding::dense) return multiply_one_float<code_columns>(a);
      return format.bits == 16 ? multiply_one_float<bfloat_columns>(a) : multiply_one_float<float_columns>(a);
    }
  multiply_batch_float(a);
}

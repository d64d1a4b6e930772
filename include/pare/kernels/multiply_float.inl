// The multiply with float inputs: two sums within a group, of its even and of its odd columns.

// What one sample has summed up in the group that is under way.
struct place_sums {
  f32x16 place[2];

  PARE_INLINE void clear() { place[0] = place[1] = splat(0); }
  PARE_INLINE f32x16 total() const { return add(place[0], place[1]); }
};

// With codes, whose groups have scales.
struct scaled_state : place_sums {
  f32x16 sum;
  f32x16 offset_sum;

  PARE_INLINE void clear() {
    place_sums::clear();
    sum = offset_sum = splat(0);
  }
  PARE_INLINE void end_group(const group_parameters& parameters, index_t group, float value_sum) {
    sum = fma(total(), parameters.scales(group), sum);
    if (parameters.has_offsets()) offset_sum = fma(parameters.offsets(group), splat(value_sum), offset_sum);
  }
  PARE_INLINE f32x16 output(const group_parameters& parameters, const float* bias) const {
    return parameters.output(sum, offset_sum, bias);
  }
};

// With weights that are floats: one group and no scale.
struct dense_state : place_sums {
  PARE_INLINE void end_group(const group_parameters&, index_t, float) {}
  PARE_INLINE f32x16 output(const group_parameters&, const float* bias) const { return add(total(), load(bias)); }
};

// ---- Weights of a range of steps by columns: get<Place>(step) is the Place-th column of a step as floats.

struct code_columns {
  using state = scaled_state;
  const std::byte* codes;
  i32x16 zeros;

  code_columns(const group_parameters& parameters, index_t group, const std::byte* from)
      : codes(from), zeros(parameters.zeros(group)) {}

  template <int Place>
  PARE_INLINE f32x16 get(index_t step) const {
    return to_float(sub(column<Place>(load_codes(codes + step * step_codes)), zeros));
  }
};

// Codes below 16 with the same zero everywhere, by a table of what they stand for.
struct small_code_columns {
  using state = scaled_state;
  const std::byte* codes;
  f32x16 values;

  small_code_columns(const group_parameters& parameters, index_t group, const std::byte* from)
      : codes(from), values(to_float(sub(load_u8(first_16), parameters.zeros(group)))) {}

  template <int Place>
  PARE_INLINE f32x16 get(index_t step) const {
    return lookup_column<Place>(values, load_codes(codes + step * step_codes));
  }

 private:
  static constexpr std::byte first_16[16] = {std::byte{0},  std::byte{1},  std::byte{2},  std::byte{3},
                                             std::byte{4},  std::byte{5},  std::byte{6},  std::byte{7},
                                             std::byte{8},  std::byte{9},  std::byte{10}, std::byte{11},
                                             std::byte{12}, std::byte{13}, std::byte{14}, std::byte{15}};
};

struct float_columns {
  using state = dense_state;
  const std::byte* weights;

  template <int Place>
  PARE_INLINE f32x16 get(index_t step) const {
    return load(reinterpret_cast<const float*>(weights) + (step * step_cols + Place) * panel_rows);
  }
};

struct bfloat_columns {
  using state = dense_state;
  const std::byte* weights;

  template <int Place>
  PARE_INLINE f32x16 get(index_t step) const {
    return load_bfloat(weights + (step * step_cols + Place) * panel_rows * 2);
  }
};

// Calls visit(group, part, begins, ends, columns) for the parts of groups that make up a panel, at most 64 steps each.
template <class Columns, class Visit>
PARE_INLINE void for_each_part(const packed_matrix& w, const group_parameters& parameters, index_t panel,
                               Visit&& visit) {
  constexpr index_t most_steps = 64;
  const panel_layout& layout = w.layout();
  if constexpr (std::is_same_v<typename Columns::state, scaled_state>) {
    for_each_decoded<most_steps>(w, panel, [&](step_range range, const std::byte* codes) {
      for_each_group_part(layout, range, [&](index_t group, step_range part, bool begins, bool ends) {
        const std::byte* from = codes + (part.begin - range.begin) * step_codes;
        visit(group, part, begins, ends, Columns(parameters, group, from));
      });
    });
  } else {
    const index_t step_bytes = value_bytes(w.format(), 1);
    const std::byte* weights = w.panel(panel) + layout.values_at;
    for (index_t at = 0; at < layout.steps; at += most_steps) {
      const index_t end = at + most_steps < layout.steps ? at + most_steps : layout.steps;
      visit(index_t{0}, step_range{at, end}, at == 0, end == layout.steps, Columns{weights + at * step_bytes});
    }
  }
}

// ---- One sample: columns go from memory into the products by way of registers.

template <class Columns>
[[gnu::noinline]] void add_columns(const Columns& columns, index_t steps, const float* x, place_sums& sums) {
  place_sums mine = sums;
  for (index_t s = 0; s < steps; ++s, x += step_cols) {
    mine.place[0] = fma(columns.template get<0>(s), splat(x[0]), mine.place[0]);
    mine.place[1] = fma(columns.template get<1>(s), splat(x[1]), mine.place[1]);
    mine.place[0] = fma(columns.template get<2>(s), splat(x[2]), mine.place[0]);
    mine.place[1] = fma(columns.template get<3>(s), splat(x[3]), mine.place[1]);
  }
  sums = mine;
}

template <class Columns>
void multiply_one_float(const multiply_arguments& a) {
  for (index_t panel = a.panel_begin; panel < a.panel_end; ++panel) {
    const group_parameters parameters(*a.weights, panel);
    typename Columns::state state;
    state.clear();
    for_each_part<Columns>(*a.weights, parameters, panel,
                           [&](index_t group, step_range part, bool begins, bool ends, const Columns& columns) {
                             if (begins) state.place_sums::clear();
                             add_columns(columns, part.end - part.begin, a.x.values + part.begin * step_cols, state);
                             if (ends) state.end_group(parameters, group, a.x.value_sums[group * a.x.samples]);
                           });
    store(a.y + panel * panel_rows, state.output(parameters, a.bias + panel * panel_rows));
  }
}

// ---- A batch: columns become floats once.

// Adds weights [steps · 4][16] to the samples of a tile, even and odd columns one after the other for the sake of
// registers.
template <int Tile, class State>
[[gnu::noinline]] void add_floats(const multiply_arguments& a, step_range part, bool begins, const float* weights,
                                  index_t sample, State* states) {
  const tile_inputs<Tile, float> inputs(a.x.values, a, sample);
  for (index_t place = 0; place < 2; ++place) {
    f32x16 sums[Tile];
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) sums[b] = begins ? splat(0) : states[b].place[place];
    const float* columns = weights + place * panel_rows;
    const index_t end = part.end * step_cols;
    for (index_t col = part.begin * step_cols + place; col < end; col += 2, columns += 2 * panel_rows) {
      const f32x16 column = load(columns);
      PARE_UNROLL
      for (int b = 0; b < Tile; ++b) sums[b] = fma(column, splat(inputs.x[b][col]), sums[b]);
    }
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) states[b].place[place] = sums[b];
  }
}

template <class Columns>
void store_floats(const Columns& columns, index_t steps, float* out) {
  for (index_t s = 0; s < steps; ++s, out += step_codes) {
    store(out, columns.template get<0>(s));
    store(out + 16, columns.template get<1>(s));
    store(out + 32, columns.template get<2>(s));
    store(out + 48, columns.template get<3>(s));
  }
}

template <class Columns>
void multiply_batch_float(const multiply_arguments& a) {
  using state = typename Columns::state;
  for_each_slice<state, float_tile>(
      a, [&](const group_parameters& parameters, index_t panel, index_t sample, index_t count, state* states) {
        alignas(64) float room[64 * step_codes];
        for_each_part<Columns>(*a.weights, parameters, panel,
                               [&](index_t group, step_range part, bool begins, bool ends, const Columns& columns) {
                                 const float* weights = room;
                                 if constexpr (std::is_same_v<Columns, float_columns>)
                                   weights = reinterpret_cast<const float*>(columns.weights);
                                 else
                                   store_floats(columns, part.end - part.begin, room);
                                 for_each_tile<float_tile>(count, [&](auto tile, index_t first) {
                                   add_floats<tile>(a, part, begins, weights, sample + first, states + first);
                                 });
                                 if (ends)
                                   for (index_t b = 0; b < count; ++b)
                                     states[b].end_group(parameters, group,
                                                         a.x.value_sums[group * a.x.samples + sample + b]);
                               });
      });
}

template <class Columns>
void multiply_columns(const multiply_arguments& a) {
  a.batch == 1 ? multiply_one_float<Columns>(a) : multiply_batch_float<Columns>(a);
}

inline void multiply_float(const multiply_arguments& a) noexcept {
  const packed_format& format = a.weights->format();
  if constexpr (looks_up_columns) {
    const bool small = format.bits <= 4 && !format.codebook && format.scheme != scheme::asymmetric;
    if (small) return multiply_columns<small_code_columns>(a);
  }
  if (format.encoding != encoding::dense) return multiply_columns<code_columns>(a);
  format.bits == 16 ? multiply_columns<bfloat_columns>(a) : multiply_columns<float_columns>(a);
}

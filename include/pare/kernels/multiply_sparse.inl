// The multiply of 8-bit inputs with the encodings that list nonzeros: each step is 4 nonzeros of each row with their
// positions in a block of columns, by which the block's inputs are permuted. Steps are taken one after the other
// whatever block they belong to, since how many a block has is nothing that a processor could foresee.

// Adds `steps` steps to the samples of a tile. Each takes its inputs from a block of `Cols` columns behind x + the
// step's element of `at`.
template <int Tile, int Cols>
[[gnu::noinline]] void add_listed(const multiply_arguments& a, const std::int8_t* codes, const std::int32_t* at,
                                  const listed_steps& listed, index_t steps, index_t sample, int8_state* states) {
  const tile_inputs<Tile, std::int8_t> inputs(codes, a, sample);
  i32x16 dots[Tile];
  PARE_UNROLL
  for (int b = 0; b < Tile; ++b) dots[b] = states[b].dots;
  i32x16 weight_sums = splat_int(0);
  const std::byte* weights = listed.weights();
  const std::byte* positions = listed.positions();
  for (index_t s = 0; s < steps; ++s, weights += step_codes, positions += step_codes) {
    const u8x64 w = load_codes(weights);
    const u8x64 p = load_codes(positions);
    if constexpr (biases_inputs) weight_sums = add_signed(weight_sums, w);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) dots[b] = dot_signed(dots[b], w, permute<Cols>(inputs.x[b] + at[s], p));
  }
  PARE_UNROLL
  for (int b = 0; b < Tile; ++b) states[b].dots = biases_inputs ? sub(dots[b], shift_left<7>(weight_sums)) : dots[b];
}

using listed_adders = tile_adders<void (*)(const multiply_arguments&, const std::int8_t*, const std::int32_t*,
                                           const listed_steps&, index_t, index_t, int8_state*)>;

inline void multiply_listed(const multiply_arguments& a, const listed_adders& adders) {
  const packed_matrix& w = *a.weights;
  const panel_layout& layout = w.layout();
  for_each_slice<int8_state, int8_tile>(
      a, [&](const group_parameters& parameters, index_t panel, index_t sample, index_t count, int8_state* states) {
        listed_steps listed(w, panel);
        block_list list(layout.block_steps, w.panel(panel) + layout.index_at);
        for (index_t group = 0; group < layout.groups; ++group) {
          for (index_t b = 0; b < count + int8_tile - 1; ++b) states[b].dots = splat_int(0);
          const std::int8_t* x = a.x.codes + group * layout.group_steps * step_cols;
          const index_t last = layout.blocks - group * layout.group_blocks;
          const index_t blocks = last < layout.group_blocks ? last : layout.group_blocks;
          for (index_t block = 0; block < blocks;) {
            const index_t steps = list.fill(block, blocks);
            for (index_t done = 0; done < steps;) {
              const index_t ready = listed.ready();
              const index_t some = ready < steps - done ? ready : steps - done;
              for_each_tile<int8_tile>(count, [&](auto tile, index_t first) {
                adders.of(tile)(a, x, list.at() + done, listed, some, sample + first, states + first);
              });
              listed.drop(some);
              done += some;
            }
          }
          const f32x16 scales = parameters.scales(group);
          for (index_t b = 0; b < count; ++b)
            states[b].end_group(states[b].dots, scales, a.x.scales[group * a.x.samples + sample + b]);
        }
      });
}

inline void multiply_int8(const multiply_arguments& a) noexcept {
  switch (a.weights->format().encoding) {
    case encoding::sparse: return multiply_listed(a, {add_listed<int8_tile, 64>, add_listed<1, 64>});
    case encoding::very_sparse: return multiply_listed(a, {add_listed<int8_tile, 256>, add_listed<1, 256>});
    default: return multiply_codes(a);
  }
}

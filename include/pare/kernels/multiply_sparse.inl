// The multiply of 8-bit inputs with the encodings that list nonzeros: each step is 4 nonzeros of each row with their
// positions in a block of columns, by which the block's inputs are permuted. Steps are taken one after the other
// whatever block they belong to, since how many a block has is nothing that a processor could foresee.

inline constexpr index_t unit_cols = least_block_steps * step_cols;

// Adds `steps` steps to the samples of a tile. Each takes its inputs from a block of `Cols` columns, which begins as
// many times unit_cols behind x as the step's element of `at` says.
template <int Tile, int Cols>
[[gnu::noinline]] void add_listed(const multiply_arguments& a, const std::int8_t* codes, const std::uint8_t* at,
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
    for (int b = 0; b < Tile; ++b) dots[b] = dot_signed(dots[b], w, permute<Cols>(inputs.x[b] + at[s] * unit_cols, p));
  }
  PARE_UNROLL
  for (int b = 0; b < Tile; ++b) states[b].dots = biases_inputs ? sub(dots[b], shift_left<7>(weight_sums)) : dots[b];
}

using listed_adders = tile_adders<void (*)(const multiply_arguments&, const std::int8_t*, const std::uint8_t*,
                                           const listed_steps&, index_t, index_t, int8_state*)>;

inline void multiply_listed(const multiply_arguments& a, const listed_adders& adders) {
  const packed_matrix& w = *a.weights;
  const panel_layout& layout = w.layout();
  for_each_slice<int8_state, int8_tile>(
      a, [&](const group_parameters& parameters, index_t panel, index_t sample, index_t count, int8_state* states) {
        listed_steps listed(w, panel);
        block_list list(layout, w.panel(panel));
        for (index_t group = 0; group < layout.groups; ++group) {
          for (index_t b = 0; b < count + int8_tile - 1; ++b) states[b].dots = splat_int(0);
          const index_t blocks = layout.blocks_in_group(group);
          for (index_t block = 0; block < blocks;) {
            const std::int8_t* x = a.x.codes + (group * layout.group_steps + block * layout.block_steps) * step_cols;
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

// ---- One sample and codes of 4 bits, in registers from the planes to the products.

template <int Cols>
inline constexpr int position_bits_of = Cols == 64 ? 6 : 8;

// The sums of codes times inputs, and of zero levels times inputs: of codes in the lower and in the upper half of a
// byte, where all is 16 times as much.
struct listed_sums {
  i32x16 codes[2], zeros[2];

  PARE_INLINE void clear() { codes[0] = codes[1] = zeros[0] = zeros[1] = splat_int(0); }
  template <int Half, class X>
  PARE_INLINE void add_step(const u8x64& of_step, const X& x) {
    codes[Half] = dot(codes[Half], of_step, x);
    zeros[Half] = dot(zeros[Half], splat_code(Half == 0 ? 8 : 128), x);
  }
  PARE_INLINE i32x16 total() const { return add(sub(codes[0], zeros[0]), shift_right<4>(sub(codes[1], zeros[1]))); }
};

// Adds the first or the last four steps of a chunk.
template <int Cols>
PARE_INLINE void add_four_listed(listed_sums& sums, const std::byte* positions, const std::byte* codes,
                                 const std::int8_t* x, const std::uint8_t* at) {
  const u8x64 first = load_kept(positions), second = load_kept(positions + step_codes),
              third = load_kept(positions + 2 * step_codes);
  const u8x64 fourth = Cols == 64 ? join_position(first, second, third) : load_codes(positions + 3 * step_codes);
  const auto add_two = [&](const std::byte* both, const std::uint8_t* blocks, const u8x64& even, const u8x64& odd)
                           PARE_INLINE_LAMBDA {
                             const u8x64 two = load_kept(both);
                             sums.add_step<0>(field(two, 0, 4, 0), permute<Cols>(x + blocks[0] * unit_cols, even));
                             sums.add_step<1>(field(two, 4, 4, 4), permute<Cols>(x + blocks[1] * unit_cols, odd));
                           };
  add_two(codes, at, first, second);
  add_two(codes + step_codes, at + 2, third, fourth);
}

// Adds step `step` of a chunk.
template <int Cols>
PARE_INLINE void add_one_listed(listed_sums& sums, const std::byte* positions, const std::byte* codes,
                                const std::int8_t* x, const std::uint8_t* at, index_t step) {
  const u8x64 two = load_codes(codes + step / 2 * step_codes);
  sums.add_step<0>(field(two, static_cast<int>(step % 2 * 4), 4, 0),
                   permute<Cols>(x + at[step] * unit_cols, load_position(position_bits_of<Cols>, positions, step)));
}

template <int Cols>
void multiply_one_listed(const multiply_arguments& a) {
  constexpr int position_bits = position_bits_of<Cols>;
  constexpr index_t codes_at = positions_bytes(position_bits, chunk_steps);  // of a whole chunk
  const packed_matrix& w = *a.weights;
  const panel_layout& layout = w.layout();
  for (index_t panel = a.panel_begin; panel < a.panel_end; ++panel) {
    const group_parameters parameters(w, panel);
    block_list list(layout, w.panel(panel));
    const std::byte* chunk = w.panel(panel) + layout.values_at;
    index_t begin = 0;  // of what is left of the chunk
    f32x16 sum = splat(0);
    for (index_t group = 0; group < layout.groups; ++group) {
      listed_sums sums;
      sums.clear();
      const index_t blocks = layout.blocks_in_group(group);
      for (index_t block = 0; block < blocks;) {
        const std::int8_t* x = a.x.codes + (group * layout.group_steps + block * layout.block_steps) * step_cols;
        index_t end = begin + list.fill<Cols / step_cols>(block, blocks, begin);
        const std::uint8_t* at = list.at();
        for (; begin < end; end -= chunk_steps, at += chunk_steps) {
          if (begin == 0 && end >= chunk_steps) {
            read_lines(chunk, chunk + codes_at);  // so that all are read in order
            for (index_t step = 0; step < chunk_steps; step += 4)
              add_four_listed<Cols>(sums, chunk + positions_bytes(position_bits, step),
                                    chunk + codes_at + step / 2 * step_codes, x, at + step);
          } else {
            const index_t part_end = end < chunk_steps ? end : chunk_steps;
            const index_t steps = list.add_following(end, chunk_steps);
            const std::byte* const codes = chunk + positions_bytes(position_bits, steps);
            if (begin == 0 && part_end >= 4) {
              add_four_listed<Cols>(sums, chunk, codes, x, at);
              begin = 4;
            }
            for (; begin < part_end; ++begin) add_one_listed<Cols>(sums, chunk, codes, x, at, begin);
            if (begin < chunk_steps) break;
            begin = 0;
          }
          chunk += codes_at + chunk_bytes(4, chunk_steps);
        }
      }
      sum = add_group(sum, sums.total(), parameters.scales(group), a.x.scales[group]);
    }
    store(a.y + panel * panel_rows, parameters.output(sum, splat(0), a.bias + panel * panel_rows));
  }
}

// A template so that what a set has no use for is not compiled.
template <int Cols, std::same_as<multiply_arguments> Arguments>
void multiply_listed(const Arguments& a) {
  const packed_format& format = a.weights->format();
  if constexpr (decodes_listed)
    if (a.batch == 1 && format.bits == 4 && !format.codebook) return multiply_one_listed<Cols>(a);
  multiply_listed(a, {add_listed<int8_tile, Cols>, add_listed<1, Cols>});
}

inline void multiply_int8(const multiply_arguments& a) noexcept {
  switch (a.weights->format().encoding) {
    case encoding::sparse: return multiply_listed<64>(a);
    case encoding::very_sparse: return multiply_listed<256>(a);
    default: return multiply_codes(a);
  }
}

// The multiply: walks over the codes of panels, from a source, into sums.

template <class Source, class Sums, int... Step>
PARE_INLINE void step_chunk(const Source& source, const typename Source::chunk_type& chunk, Sums& sums, index_t at,
                            std::integer_sequence<int, Step...>) {
  (sums.template step<Source::bits, Step, chunk_steps>(source.template step<Step>(chunk), at + Step), ...);
}

// Groups of whole chunks are decoded in registers, what is left of the last one goes through bytes.
template <class Source, class Sums>
PARE_INLINE void walk_whole_chunks(Source& source, const panel_layout& layout, Sums& sums) {
  alignas(64) std::byte bytes[chunk_steps * step_codes];
  index_t at = 0;
  for (index_t group = 0; group < layout.groups; ++group) {
    sums.begin_group(group);
    const index_t end = at + (group + 1 == layout.groups ? layout.last_group_steps : layout.group_steps);
    for (; at + chunk_steps <= end; at += chunk_steps)
      step_chunk(source, source.chunk(chunk_steps), sums, at, std::make_integer_sequence<int, chunk_steps>{});
    if (at < end) {
      source.decode(source.chunk(end - at), end - at, bytes);
      for (const std::byte* next = bytes; at < end; ++at, next += step_codes)
        sums.template step<Source::bits, 0, 1>(load_codes(next), at);
    }
    sums.end_group(group);
  }
}

// Groups that end anywhere: everything goes through bytes, of codes of at most so many bits.
template <int Bits, class Sums>
PARE_INLINE void walk_bytes(byte_source& source, const panel_layout& layout, Sums& sums) {
  index_t at = 0;
  index_t chunk_end = 0;
  const std::byte* next = nullptr;
  for (index_t group = 0; group < layout.groups; ++group) {
    sums.begin_group(group);
    const index_t end = at + (group + 1 == layout.groups ? layout.last_group_steps : layout.group_steps);
    for (; at < end; ++at, next += step_codes) {
      if (at == chunk_end) {
        const index_t steps = layout.steps - at < chunk_steps ? layout.steps - at : chunk_steps;
        next = source.chunk(steps);
        chunk_end += steps;
      }
      sums.template step<Bits, 0, 1>(load_codes(next), at);
    }
    sums.end_group(group);
  }
}

// The sparse encoding: what it lists and nothing else, block by block.
template <class Sums>
PARE_INLINE void walk_blocks(sparse_steps& steps, const panel_layout& layout, Sums& sums) {
  index_t block = 0;
  for (index_t group = 0; group < layout.groups; ++group) {
    sums.begin_group();
    const index_t end = group + 1 == layout.groups ? layout.blocks : block + layout.group_blocks;
    for (index_t at = group * layout.group_steps; block < end; ++block, at += block_steps) {
      const index_t count = steps.next_count();
      if (count == 0) continue;
      sums.begin_block(at);
      for (index_t s = 0; s < count; ++s) sums.step(steps.next_codes(), steps.next_positions());
    }
    sums.end_group(group);
  }
}

// Samples from `sample` on, as many as Sums takes, with one panel. `walk` goes over its codes.
template <class Sums, class Walk>
PARE_INLINE void multiply_tile(const multiply_arguments& a, index_t panel, index_t sample, Walk&& walk) {
  Sums sums(a, a.weights->panel(panel), sample);
  walk(sums);
  sums.finish(a.bias + panel * panel_rows, a.y + sample * a.y_stride + panel * panel_rows, a.y_stride);
}

template <class Source, class Sums>
void multiply_codes(const multiply_arguments& a, index_t panel, index_t sample) {
  Source source(*a.weights, a.weights->panel(panel));
  multiply_tile<Sums>(a, panel, sample,
                      [&](Sums& sums) PARE_INLINE_LAMBDA { walk_whole_chunks(source, a.weights->layout(), sums); });
}

template <int Bits, class Sums>
void multiply_bytes(const multiply_arguments& a, index_t panel, index_t sample, byte_source source) {
  multiply_tile<Sums>(a, panel, sample,
                      [&](Sums& sums) PARE_INLINE_LAMBDA { walk_bytes<Bits>(source, a.weights->layout(), sums); });
}

template <class Sums>
void multiply_sparse(const multiply_arguments& a, index_t panel, index_t sample) {
  sparse_steps steps(*a.weights, panel);
  multiply_tile<Sums>(a, panel, sample,
                      [&](Sums& sums) PARE_INLINE_LAMBDA { walk_blocks(steps, a.weights->layout(), sums); });
}

// All panels of the range with all samples: a panel stays in cache while the batch goes over it. `multiply` takes the
// number of samples as a constant, Tile or 1.
template <int Tile, class Multiply>
PARE_INLINE void for_each_tile(const multiply_arguments& a, Multiply&& multiply) {
  for (index_t panel = a.panel_begin; panel < a.panel_end; ++panel) {
    index_t sample = 0;
    for (; sample + Tile <= a.batch; sample += Tile) multiply(std::integral_constant<int, Tile>(), panel, sample);
    for (; sample < a.batch; ++sample) multiply(std::integral_constant<int, 1>(), panel, sample);
  }
}

template <int Bits, template <int> class Sums, int Tile>
void multiply_from_bytes(const multiply_arguments& a) {
  for_each_tile<Tile>(a, [&](auto samples, index_t panel, index_t sample) {
    use_byte_source(*a.weights, panel,
                    [&](byte_source source) { multiply_bytes<Bits, Sums<samples>>(a, panel, sample, source); });
  });
}

template <class Source>
void multiply_from(const multiply_arguments& a) {
  for_each_tile<int8_tile>(a, [&](auto samples, index_t panel, index_t sample) {
    multiply_codes<Source, int8_sums<samples>>(a, panel, sample);
  });
}

// The scalar set sends every format through bytes: it has no registers to decode in, and compiles sooner.
inline void multiply_int8(const multiply_arguments& a) noexcept {
  const packed_format& format = a.weights->format();
  const panel_layout& layout = a.weights->layout();
  if (format.encoding == encoding::sparse)
    return for_each_tile<int8_tile>(a, [&](auto samples, index_t panel, index_t sample) {
      multiply_sparse<sparse_sums<samples>>(a, panel, sample);
    });
  const bool whole_chunks = layout.groups == 1 || layout.group_steps % chunk_steps == 0;
  if constexpr (decodes_in_registers) {
    if (format.encoding == encoding::codes && whole_chunks && !format.codebook) switch (format.bits) {
        case 1: return multiply_from<plane_source<1>>(a);
        case 2: return multiply_from<plane_source<2>>(a);
        case 3: return multiply_from<plane_source<3>>(a);
        case 4: return multiply_from<plane_source<4>>(a);
        case 5: return multiply_from<plane_source<5>>(a);
        case 6: return multiply_from<plane_source<6>>(a);
        case 7: return multiply_from<plane_source<7>>(a);
        default: return multiply_from<plane_source<8>>(a);
      }
    if (format.encoding == encoding::codes && whole_chunks) switch (format.bits) {
        case 2: return multiply_from<level_source<2>>(a);
        case 3: return multiply_from<level_source<3>>(a);
        case 4: return multiply_from<level_source<4>>(a);
        default: break;
      }
  }
  if constexpr (sums_start_in_16_bits)
    if (format.bits < 8 && !format.codebook) return multiply_from_bytes<7, int8_sums, int8_tile>(a);
  multiply_from_bytes<8, int8_sums, int8_tile>(a);
}

// Weights that are floats: no groups, no scales.
template <int Tile>
void multiply_dense(const multiply_arguments& a, index_t panel, index_t sample) {
  const float* weights = reinterpret_cast<const float*>(a.weights->panel(panel));
  const float* x = a.x.values + sample * a.x.stride;
  float_lanes lanes[Tile];
  PARE_UNROLL
  for (int b = 0; b < Tile; ++b) lanes[b].clear();
  for (index_t step = 0; step < a.weights->layout().steps; ++step) {
    PARE_UNROLL
    for (int place = 0; place < 4; ++place) {
      const index_t col = step * step_cols + place;
      const f32x16 column = load(weights + col * panel_rows);
      PARE_UNROLL
      for (int b = 0; b < Tile; ++b) {
        f32x16& sum = lanes[b].place[place % 2];
        sum = fma(column, splat(x[b * a.x.stride + col]), sum);
      }
    }
  }
  const f32x16 bias = load(a.bias + panel * panel_rows);
  float* y = a.y + sample * a.y_stride + panel * panel_rows;
  PARE_UNROLL
  for (int b = 0; b < Tile; ++b) store(y + b * a.y_stride, add(lanes[b].total(), bias));
}

inline void multiply_float(const multiply_arguments& a) noexcept {
  if (a.weights->format().encoding != encoding::dense) return multiply_from_bytes<8, float_sums, float_tile>(a);
  for_each_tile<float_tile>(
      a, [&](auto samples, index_t panel, index_t sample) { multiply_dense<samples>(a, panel, sample); });
}

// The multiply with 8-bit inputs, integer sums of products within a group: of codes that are bytes, or become bytes for
// all samples at once.

// What one sample has summed up: over the groups, and in the group that is under way.
struct int8_state {
  f32x16 sum;
  f32x16 offset_sum;
  i32x16 dots;

  PARE_INLINE void clear() { sum = offset_sum = splat(0); }
  PARE_INLINE void end_group(const i32x16& of_group, const f32x16& scales, float x_scale) {
    sum = add_group(sum, of_group, scales, x_scale);
  }
  PARE_INLINE f32x16 output(const group_parameters& parameters, const float* bias) const {
    return parameters.output(sum, offset_sum, bias);
  }
};

// The sums of a tile of samples while it goes over a range of steps.
template <int Tile>
class int8_tile_sums {
 public:
  PARE_INLINE int8_tile_sums(const multiply_arguments& a, const group_parameters& parameters, index_t sample,
                             int8_state* states)
      : inputs_(a.x.codes, a, sample), x_(a.x), parameters_(parameters), sample_(sample), states_(states) {}

  PARE_INLINE void begin_part(index_t group, bool begins) {
    at_ = group * x_.samples + sample_;
    if (begins && parameters_.has_zero_points()) {
      const i32x16 zeros = parameters_.zeros(group);
      PARE_UNROLL
      for (int b = 0; b < Tile; ++b) dots[b] = mul(zeros, splat_int(x_.zero_sums[at_ + b]));
    } else if (begins) {
      PARE_UNROLL
      for (int b = 0; b < Tile; ++b) dots[b] = splat_int(x_.zero_sums[at_ + b]);
    } else {
      PARE_UNROLL
      for (int b = 0; b < Tile; ++b) dots[b] = states_[b].dots;
    }
  }
  PARE_INLINE void end_part(index_t group, bool ends) {
    if (!ends) {
      PARE_UNROLL
      for (int b = 0; b < Tile; ++b) states_[b].dots = dots[b];
      return;
    }
    const f32x16 scales = parameters_.scales(group);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) states_[b].end_group(dots[b], scales, x_.scales[at_ + b]);
    if (!parameters_.has_offsets()) return;
    const f32x16 offsets = parameters_.offsets(group);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b)
      states_[b].offset_sum = fma(offsets, splat(x_.value_sums[at_ + b]), states_[b].offset_sum);
  }
  // The inputs of a sample at a step.
  PARE_INLINE const std::int8_t* inputs(int b, index_t step) const { return inputs_.x[b] + step * step_cols; }

  i32x16 dots[Tile];

 private:
  tile_inputs<Tile, std::int8_t> inputs_;
  const packed_inputs x_;
  const group_parameters parameters_;
  index_t sample_;
  index_t at_ = 0;  // of the group's first sample in what there is one of per group
  int8_state* states_;
};

// Adds steps [at, end). Narrow: codes fit runs, of so many steps.
template <bool Narrow, int Tile>
PARE_INLINE void add_steps(int8_tile_sums<Tile>& sums, const std::byte* codes, index_t at, index_t end, index_t run) {
  if constexpr (Narrow) {
    while (at < end) {
      const index_t run_end = at + run < end ? at + run : end;
      run_sums runs[Tile];
      const u8x64 first = load_codes(codes);
      PARE_UNROLL
      for (int b = 0; b < Tile; ++b) runs[b] = begin_run(sums.dots[b], first, sums.inputs(b, at));
      for (++at, codes += step_codes; at < run_end; ++at, codes += step_codes) {
        const u8x64 step = load_codes(codes);
        PARE_UNROLL
        for (int b = 0; b < Tile; ++b) runs[b] = dot_run(runs[b], step, sums.inputs(b, at));
      }
      PARE_UNROLL
      for (int b = 0; b < Tile; ++b) sums.dots[b] = end_run(sums.dots[b], runs[b]);
    }
  } else {
    for (; at < end; ++at, codes += step_codes) {
      const u8x64 step = load_codes(codes);
      PARE_UNROLL
      for (int b = 0; b < Tile; ++b) sums.dots[b] = dot(sums.dots[b], step, sums.inputs(b, at));
    }
  }
}

// Adds the steps of a range, whose codes begin at `codes`, to the samples of a tile.
template <bool Narrow, int Tile>
[[gnu::noinline]] void add_bytes(const multiply_arguments& a, const group_parameters& parameters, step_range range,
                                 const std::byte* codes, index_t sample, int8_state* states) {
  int8_tile_sums<Tile> sums(a, parameters, sample, states);
  const index_t run = Narrow ? steps_per_run(a.weights->format().bits) : 1;
  const auto add_part = [&](index_t group, step_range part, bool begins, bool ends) PARE_INLINE_LAMBDA {
    sums.begin_part(group, begins);
    add_steps<Narrow>(sums, codes + (part.begin - range.begin) * step_codes, part.begin, part.end, run);
    sums.end_part(group, ends);
  };
  for_each_group_part(a.weights->layout(), range, add_part);
}

using step_adders = tile_adders<void (*)(const multiply_arguments&, const group_parameters&, step_range,
                                         const std::byte*, index_t, int8_state*)>;

template <bool Narrow>
inline constexpr step_adders bytes_adders = {add_bytes<Narrow, int8_tile>, add_bytes<Narrow, 1>};

template <bool Narrow>
void multiply_bytes(const multiply_arguments& a) {
  for_each_slice<int8_state, int8_tile>(
      a, [&](const group_parameters& parameters, index_t panel, index_t sample, index_t count, int8_state* states) {
        const auto add_range = [&](step_range range, const std::byte* codes) {
          for_each_tile<int8_tile>(count, [&](auto tile, index_t first) {
            bytes_adders<Narrow>.of(tile)(a, parameters, range, codes, sample + first, states + first);
          });
        };
        for_each_decoded(*a.weights, panel, most_steps, step_visitor(add_range));
      });
}

// Numbers of bits of which tiles take codes from planes: common ones. Each costs every program compile time.
constexpr bool tiles_take_planes(int bits) { return bits == 4 || (int8_panels > 1 && bits == 8); }

// Encodings that have a code for every weight, or a mask. Decoding in registers pays for a single sample, and for tiles
// of samples; the scalar set has no registers to decode in.
inline void multiply_codes(const multiply_arguments& a) {
  const packed_format& format = a.weights->format();
  const panel_layout& layout = a.weights->layout();
  const bool whole_chunks = layout.groups == 1 || layout.group_steps % chunk_steps == 0;
  if (format.encoding == encoding::codes && whole_chunks && !format.codebook) {
    if constexpr (decodes_in_registers) {
      if (a.batch == 1) return one_sample::multiply_one(a, a.panel_begin, a.panel_end, 0);
      switch (format.bits) {
        case 4: return multiply_planes<4>(a);
        case 8:
          if constexpr (tiles_take_planes(8)) return multiply_planes<8>(a);
          break;
        default: break;
      }
    }
  }
  if (fits_runs(format.codebook ? 8 : format.bits)) return multiply_bytes<true>(a);
  if constexpr (!fits_runs(8)) multiply_bytes<false>(a);
}

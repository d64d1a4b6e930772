// The multiply: one walk over the codes of a panel, and what is done with them for 8-bit and for float inputs.

template <class Source, class Sums, int... Step>
PARE_INLINE void step_chunk(const Source& source, const typename Source::chunk_type& chunk, Sums& sums, index_t at,
                            std::integer_sequence<int, Step...>) {
  (sums.template step<Source::narrow>(source.template step<Step>(chunk), at + Step), ...);
}

// Goes through the steps of a panel, with begin_group and end_group of `sums` around each group's. Groups of whole
// chunks are decoded in registers, what is left of the last one goes through bytes.
template <class Source, class Sums>
PARE_INLINE void walk_whole_chunks(Source& source, const panel_layout& layout, Sums& sums, std::byte* bytes) {
  index_t at = 0;
  for (index_t group = 0; group < layout.groups; ++group) {
    sums.begin_group(group);
    const index_t end = at + (group + 1 == layout.groups ? layout.last_group_steps : layout.group_steps);
    for (; at + chunk_steps <= end; at += chunk_steps)
      step_chunk(source, source.chunk(chunk_steps), sums, at, std::make_integer_sequence<int, chunk_steps>{});
    if (at < end) {
      source.decode(source.chunk(end - at), end - at, bytes);
      for (; at < end; ++at, bytes += step_codes) sums.template step<Source::narrow>(load_codes(bytes), at);
    }
    sums.end_group(group);
  }
}

// Groups that end anywhere: everything goes through bytes.
template <class Source, class Sums>
PARE_INLINE void walk_any_groups(Source& source, const panel_layout& layout, Sums& sums, std::byte* bytes) {
  index_t at = 0;
  index_t chunk_end = 0;
  const std::byte* next = bytes;
  for (index_t group = 0; group < layout.groups; ++group) {
    sums.begin_group(group);
    const index_t end = at + (group + 1 == layout.groups ? layout.last_group_steps : layout.group_steps);
    for (; at < end; ++at, next += step_codes) {
      if (at == chunk_end) {
        const index_t steps = layout.steps - at < chunk_steps ? layout.steps - at : chunk_steps;
        source.decode(source.chunk(steps), steps, bytes);
        next = bytes;
        chunk_end += steps;
      }
      sums.template step<Source::narrow>(load_codes(next), at);
    }
    sums.end_group(group);
  }
}

template <class Source, class Sums>
PARE_INLINE void walk_panel(Source& source, const panel_layout& layout, Sums& sums) {
  alignas(64) std::byte bytes[chunk_steps * step_codes];
  if (layout.groups == 1 || layout.group_steps % chunk_steps == 0)
    walk_whole_chunks(source, layout, sums, bytes);
  else
    walk_any_groups(source, layout, sums, bytes);
}

// Parameters of the groups of one panel.
class group_parameters {
 public:
  group_parameters(const packed_matrix& w, const std::byte* panel)
      : scheme_(w.format().scheme),
        zero_(zero_level(w.format())),
        bytes_(w.layout().parameter_bytes),
        unit_(panel),
        first_(panel + w.layout().parameters_at) {}

  PARE_INLINE bool has_offsets() const { return scheme_ == scheme::two_level; }
  PARE_INLINE bool has_zero_points() const { return scheme_ == scheme::asymmetric; }
  PARE_INLINE std::int32_t zero() const { return zero_; }
  PARE_INLINE i32x16 zeros(index_t group) const {
    return has_zero_points() ? load_u8(first_ + group * bytes_ + 32) : splat_int(zero_);
  }
  PARE_INLINE f32x16 scales(index_t group) const {
    const std::byte* at = first_ + group * bytes_;
    return has_offsets() ? to_float(load_u8(at)) : load_half(at);
  }
  PARE_INLINE f32x16 offsets(index_t group) const { return to_float(load_s8(first_ + group * bytes_ + 16)); }

  // The output of one sample from its accumulators.
  PARE_INLINE f32x16 finish(const f32x16& sum, const f32x16& offset_sum, const float* bias) const {
    f32x16 start = load(bias);
    if (has_offsets()) start = fma(offset_sum, load(reinterpret_cast<const float*>(unit_ + 64)), start);
    return fma(sum, load(reinterpret_cast<const float*>(unit_)), start);
  }

 private:
  scheme scheme_;
  std::int32_t zero_;
  index_t bytes_;
  const std::byte* unit_;
  const std::byte* first_;
};

// The sums of `Tile` samples with 8-bit inputs.
template <int Tile>
class int8_sums {
 public:
  PARE_INLINE int8_sums(const multiply_arguments& a, const std::byte* panel, index_t sample)
      : parameters_(*a.weights, panel),
        groups_(a.weights->layout().groups),
        stride_(a.x.stride),
        x_(a.x.codes + sample * stride_),
        scales_(a.x.scales + sample * groups_),
        code_sums_(a.x.code_sums + sample * groups_) {
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) sums_[b] = offset_sums_[b] = splat(0);
  }

  PARE_INLINE void begin_group(index_t group) {
    if (parameters_.has_zero_points()) {
      const i32x16 zeros = parameters_.zeros(group);
      PARE_UNROLL
      for (int b = 0; b < Tile; ++b)
        dots_[b] = sub(splat_int(0), mul(zeros, splat_int(code_sums_[b * groups_ + group])));
    } else {
      PARE_UNROLL
      for (int b = 0; b < Tile; ++b) dots_[b] = splat_int(-parameters_.zero() * code_sums_[b * groups_ + group]);
    }
  }

  template <bool Narrow>
  PARE_INLINE void step(const u8x64& codes, index_t step) {
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) dots_[b] = dot<Narrow>(dots_[b], codes, x_ + b * stride_ + step * step_cols);
  }

  PARE_INLINE void end_group(index_t group) {
    const f32x16 scales = parameters_.scales(group);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b)
      sums_[b] = fma(to_float(dots_[b]), mul(scales, splat(scales_[b * groups_ + group])), sums_[b]);
    if (!parameters_.has_offsets()) return;
    const f32x16 offsets = parameters_.offsets(group);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) {
      const index_t at = b * groups_ + group;
      offset_sums_[b] = fma(offsets, splat(scales_[at] * static_cast<float>(code_sums_[at])), offset_sums_[b]);
    }
  }

  PARE_INLINE void finish(const float* bias, float* y, index_t y_stride) const {
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) store(y + b * y_stride, parameters_.finish(sums_[b], offset_sums_[b], bias));
  }

 private:
  group_parameters parameters_;
  index_t groups_;
  index_t stride_;
  const std::int8_t* x_;
  const float* scales_;
  const std::int32_t* code_sums_;
  i32x16 dots_[Tile];
  f32x16 sums_[Tile];
  f32x16 offset_sums_[Tile];
};

// Four running sums of one sample with float inputs, one per column of a step.
struct float_lanes {
  f32x16 place[4];

  PARE_INLINE void clear() { place[0] = place[1] = place[2] = place[3] = splat(0); }
  PARE_INLINE f32x16 total() const { return add(add(place[0], place[1]), add(place[2], place[3])); }
};

// The sums of `Tile` samples with float inputs.
template <int Tile>
class float_sums {
 public:
  PARE_INLINE float_sums(const multiply_arguments& a, const std::byte* panel, index_t sample)
      : parameters_(*a.weights, panel),
        groups_(a.weights->layout().groups),
        stride_(a.x.stride),
        x_(a.x.values + sample * stride_),
        value_sums_(a.x.value_sums + sample * groups_) {
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) sums_[b] = offset_sums_[b] = splat(0);
  }

  PARE_INLINE void begin_group(index_t group) {
    zeros_ = parameters_.zeros(group);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) lanes_[b].clear();
  }

  template <bool>
  PARE_INLINE void step(const u8x64& codes, index_t step) {
    add_column<0>(codes, step);
    add_column<1>(codes, step);
    add_column<2>(codes, step);
    add_column<3>(codes, step);
  }

  PARE_INLINE void end_group(index_t group) {
    const f32x16 scales = parameters_.scales(group);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) sums_[b] = fma(lanes_[b].total(), scales, sums_[b]);
    if (!parameters_.has_offsets()) return;
    const f32x16 offsets = parameters_.offsets(group);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b)
      offset_sums_[b] = fma(offsets, splat(value_sums_[b * groups_ + group]), offset_sums_[b]);
  }

  PARE_INLINE void finish(const float* bias, float* y, index_t y_stride) const {
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) store(y + b * y_stride, parameters_.finish(sums_[b], offset_sums_[b], bias));
  }

 private:
  template <int Place>
  PARE_INLINE void add_column(const u8x64& codes, index_t step) {
    const f32x16 weights = to_float(sub(column<Place>(codes), zeros_));
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b)
      lanes_[b].place[Place] = fma(weights, splat(x_[b * stride_ + step * step_cols + Place]), lanes_[b].place[Place]);
  }

  group_parameters parameters_;
  index_t groups_;
  index_t stride_;
  const float* x_;
  const float* value_sums_;
  i32x16 zeros_;
  float_lanes lanes_[Tile];
  f32x16 sums_[Tile];
  f32x16 offset_sums_[Tile];
};

// One panel with `Tile` samples.
template <class Source, class Sums>
void multiply_tile(const multiply_arguments& a, index_t panel, index_t sample) {
  const std::byte* bytes = a.weights->panel(panel);
  Source source(*a.weights, bytes);
  Sums sums(a, bytes, sample);
  walk_panel(source, a.weights->layout(), sums);
  sums.finish(a.bias + panel * panel_rows, a.y + sample * a.y_stride + panel * panel_rows, a.y_stride);
}

// All panels of the range with all samples: a panel stays in cache while the batch goes over it.
template <class Tiled, class Single>
PARE_INLINE void for_each_tile(const multiply_arguments& a, int tile, Tiled&& tiled, Single&& single) {
  for (index_t panel = a.panel_begin; panel < a.panel_end; ++panel) {
    index_t sample = 0;
    for (; sample + tile <= a.batch; sample += tile) tiled(panel, sample);
    for (; sample < a.batch; ++sample) single(panel, sample);
  }
}

template <class Source>
void multiply_int8_from(const multiply_arguments& a) {
  for_each_tile(
      a, samples_per_tile,
      [&](index_t panel, index_t sample) { multiply_tile<Source, int8_sums<samples_per_tile>>(a, panel, sample); },
      [&](index_t panel, index_t sample) { multiply_tile<Source, int8_sums<1>>(a, panel, sample); });
}

// The scalar set sends every format through bytes: it has no registers to decode in, and compiles sooner.
inline void multiply_int8(const multiply_arguments& a) noexcept {
  const packed_format& format = a.weights->format();
  const bool planes = format.encoding == encoding::codes;
  if constexpr (decodes_in_registers) {
    if (planes && !format.codebook) switch (format.bits) {
        case 1: return multiply_int8_from<plane_source<1>>(a);
        case 2: return multiply_int8_from<plane_source<2>>(a);
        case 3: return multiply_int8_from<plane_source<3>>(a);
        case 4: return multiply_int8_from<plane_source<4>>(a);
        case 5: return multiply_int8_from<plane_source<5>>(a);
        case 6: return multiply_int8_from<plane_source<6>>(a);
        case 7: return multiply_int8_from<plane_source<7>>(a);
        default: return multiply_int8_from<plane_source<8>>(a);
      }
    if (planes) switch (format.bits) {
        case 2: return multiply_int8_from<level_source<2>>(a);
        case 3: return multiply_int8_from<level_source<3>>(a);
        case 4: return multiply_int8_from<level_source<4>>(a);
        default: break;
      }
  }
  multiply_int8_from<byte_source>(a);
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
      for (int b = 0; b < Tile; ++b)
        lanes[b].place[place] = fma(column, splat(x[b * a.x.stride + col]), lanes[b].place[place]);
    }
  }
  const f32x16 bias = load(a.bias + panel * panel_rows);
  float* y = a.y + sample * a.y_stride + panel * panel_rows;
  PARE_UNROLL
  for (int b = 0; b < Tile; ++b) store(y + b * a.y_stride, add(lanes[b].total(), bias));
}

inline void multiply_float(const multiply_arguments& a) noexcept {
  if (a.weights->format().encoding == encoding::dense)
    return for_each_tile(
        a, samples_per_tile, [&](index_t panel, index_t sample) { multiply_dense<samples_per_tile>(a, panel, sample); },
        [&](index_t panel, index_t sample) { multiply_dense<1>(a, panel, sample); });
  for_each_tile(
      a, samples_per_tile,
      [&](index_t panel, index_t sample) {
        multiply_tile<byte_source, float_sums<samples_per_tile>>(a, panel, sample);
      },
      [&](index_t panel, index_t sample) { multiply_tile<byte_source, float_sums<1>>(a, panel, sample); });
}

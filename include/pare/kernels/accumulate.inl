// Sums: what is done with the codes of a panel for 8-bit and for float inputs, sample by sample of a tile. A walk calls
// begin_group, step for each vector of 64 codes, and end_group, for one group after the other.

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

// What the sums of `Tile` samples have in common: a sum over the groups, and with two-level scales one of the offsets.
template <int Tile>
class group_sums {
 public:
  PARE_INLINE group_sums(const multiply_arguments& a, const std::byte* panel, index_t sample)
      : parameters_(*a.weights, panel),
        groups_(a.weights->layout().groups),
        stride_(a.x.stride),
        value_sums_(a.x.value_sums + sample * groups_) {
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) sums_[b] = offset_sums_[b] = splat(0);
  }

  PARE_INLINE void finish(const float* bias, float* y, index_t y_stride) const {
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) store(y + b * y_stride, parameters_.finish(sums_[b], offset_sums_[b], bias));
  }

 protected:
  PARE_INLINE void add_offsets(index_t group) {
    if (!parameters_.has_offsets()) return;
    const f32x16 offsets = parameters_.offsets(group);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b)
      offset_sums_[b] = fma(offsets, splat(value_sums_[b * groups_ + group]), offset_sums_[b]);
  }

  group_parameters parameters_;
  index_t groups_;
  index_t stride_;  // of the inputs
  const float* value_sums_;
  f32x16 sums_[Tile];
  f32x16 offset_sums_[Tile];
};

// With 8-bit inputs: integer dot products within a group.
template <int Tile>
class dot_sums : public group_sums<Tile> {
 public:
  PARE_INLINE dot_sums(const multiply_arguments& a, const std::byte* panel, index_t sample)
      : group_sums<Tile>(a, panel, sample),
        x_(a.x.codes + sample * a.x.stride),
        scales_(a.x.scales + sample * this->groups_) {}

  PARE_INLINE void end_group(index_t group) {
    const f32x16 scales = this->parameters_.scales(group);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) {
      const f32x16 both = mul(scales, splat(scales_[b * this->groups_ + group]));
      this->sums_[b] = fma(to_float(dots_[b]), both, this->sums_[b]);
    }
    this->add_offsets(group);
  }

 protected:
  const std::int8_t* x_;
  const float* scales_;
  i32x16 dots_[Tile];
};

// Steps whose products of codes of so many bits add up to no more than 16 bits, in pairs: a power of two.
constexpr int steps_per_run(int bits) {
  if (!sums_start_in_16_bits) return chunk_steps;
  if (bits == 8) return 1;
  const int largest = bits == 1 ? 2 : (1 << bits) - 1;
  int steps = chunk_steps;
  while (steps * 2 * 127 * largest > 32767) steps /= 2;
  return steps;
}

// With 8-bit inputs, for codes that come in the order of the columns.
template <int Tile>
class int8_sums : public dot_sums<Tile> {
 public:
  PARE_INLINE int8_sums(const multiply_arguments& a, const std::byte* panel, index_t sample)
      : dot_sums<Tile>(a, panel, sample), zero_sums_(a.x.zero_sums + sample * this->groups_) {}

  PARE_INLINE void begin_group(index_t group) {
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) this->dots_[b] = splat_int(zero_sums_[b * this->groups_ + group]);
    if (!this->parameters_.has_zero_points()) return;
    const i32x16 zeros = this->parameters_.zeros(group);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) this->dots_[b] = mul(zeros, this->dots_[b]);
  }

  // Step `Place` of a chunk, or of a run of one step. Codes of 8 bits are wide.
  template <int Bits, int Place, int Steps>
  PARE_INLINE void step(const u8x64& codes, index_t step) {
    constexpr int run = steps_per_run(Bits) < Steps ? steps_per_run(Bits) : Steps;
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) {
      i32x16& dots = this->dots_[b];
      const std::int8_t* x = this->x_ + b * this->stride_ + step * step_cols;
      if constexpr (Bits == 8) {
        dots = dot(dots, codes, x);
      } else {
        if constexpr (Place % run == 0) runs_[b] = begin_run(dots);
        runs_[b] = dot_run(runs_[b], codes, x);
        if constexpr (Place % run == run - 1) dots = end_run(dots, runs_[b]);
      }
    }
  }

 private:
  const std::int32_t* zero_sums_;
  run_sums runs_[Tile];
};

// With 8-bit inputs, for the sparse encoding: codes with their positions in a block of 64 columns.
template <int Tile>
class sparse_sums : public dot_sums<Tile> {
 public:
  // Not inherited: an inherited constructor would not get the target of the region.
  PARE_INLINE sparse_sums(const multiply_arguments& a, const std::byte* panel, index_t sample)
      : dot_sums<Tile>(a, panel, sample) {}

  PARE_INLINE void begin_group() {
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) this->dots_[b] = splat_int(0);
  }

  PARE_INLINE void begin_block(index_t step) {
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) block_[b] = load_table64(this->x_ + b * this->stride_ + step * step_cols);
  }

  PARE_INLINE void step(const u8x64& codes, const u8x64& positions) {
    const u8x64 weights = subtract(codes, static_cast<std::uint8_t>(this->parameters_.zero()));
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) this->dots_[b] = dot_signed(this->dots_[b], weights, permute(block_[b], positions));
  }

 private:
  table64 block_[Tile];
};

// Two running sums of one sample with float inputs, of even and of odd columns.
struct float_lanes {
  f32x16 place[2];

  PARE_INLINE void clear() { place[0] = place[1] = splat(0); }
  PARE_INLINE f32x16 total() const { return add(place[0], place[1]); }
};

// With float inputs.
template <int Tile>
class float_sums : public group_sums<Tile> {
 public:
  PARE_INLINE float_sums(const multiply_arguments& a, const std::byte* panel, index_t sample)
      : group_sums<Tile>(a, panel, sample), x_(a.x.values + sample * a.x.stride) {}

  PARE_INLINE void begin_group(index_t group) {
    zeros_ = this->parameters_.zeros(group);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) lanes_[b].clear();
  }

  template <int, int, int>
  PARE_INLINE void step(const u8x64& codes, index_t step) {
    add_column<0>(codes, step);
    add_column<1>(codes, step);
    add_column<2>(codes, step);
    add_column<3>(codes, step);
  }

  PARE_INLINE void end_group(index_t group) {
    const f32x16 scales = this->parameters_.scales(group);
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) this->sums_[b] = fma(lanes_[b].total(), scales, this->sums_[b]);
    this->add_offsets(group);
  }

 private:
  template <int Place>
  PARE_INLINE void add_column(const u8x64& codes, index_t step) {
    const f32x16 weights = to_float(sub(column<Place>(codes), zeros_));
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) {
      f32x16& sum = lanes_[b].place[Place % 2];
      sum = fma(weights, splat(x_[b * this->stride_ + step * step_cols + Place]), sum);
    }
  }

  const float* x_;
  i32x16 zeros_;
  float_lanes lanes_[Tile];
};

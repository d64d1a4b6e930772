// What a panel holds besides codes, and the outputs that come of sums over its groups.

class group_parameters {
 public:
  PARE_INLINE group_parameters(const packed_matrix& w, index_t panel)
      : scheme_(w.format().scheme),
        zero_(zero_level(w.format())),
        bytes_(w.layout().parameter_bytes),
        unit_(w.panel(panel)),
        first_(unit_ + w.layout().parameters_at) {}

  PARE_INLINE bool has_scales() const { return bytes_ > 0; }
  PARE_INLINE bool has_offsets() const { return scheme_ == scheme::two_level; }
  PARE_INLINE bool has_zero_points() const { return scheme_ == scheme::asymmetric; }
  PARE_INLINE i32x16 zeros(index_t group) const {
    return has_zero_points() ? load_u8(first_ + group * bytes_ + 32) : splat_int(zero_);
  }
  PARE_INLINE f32x16 scales(index_t group) const {
    const std::byte* at = first_ + group * bytes_;
    return has_offsets() ? to_float(load_u8(at)) : load_half(at);
  }
  PARE_INLINE f32x16 offsets(index_t group) const { return to_float(load_s8(first_ + group * bytes_ + 16)); }

  // The output of one sample from its sums.
  PARE_INLINE f32x16 output(const f32x16& sum, const f32x16& offset_sum, const float* bias) const {
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

// A sum over groups and one group more, of which the integer sums of products are given.
PARE_INLINE f32x16 add_group(const f32x16& sum, const i32x16& dots, const f32x16& scales, float x_scale) {
  return fma(to_float(dots), mul(scales, splat(x_scale)), sum);
}

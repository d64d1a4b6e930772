// Inputs of a multiply: quantized to 8 bits, or laid out as floats, group by group.

// Lanes i and i + 8, then 4, 2, 1.
inline float fold(const f32x16& sums) {
  float lane[16];
  store(lane, sums);
  for (int half = 8; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}

// The first of `count` floats, zeros behind them.
PARE_INLINE f32x16 load_up_to(const float* x, index_t count) { return count >= 16 ? load(x) : load_first(x, count, 0); }

// Calls visit(sample, group, first column, columns, first position) for each group of each sample.
template <class Visit>
PARE_INLINE void for_each_group(const input_arguments& a, Visit&& visit) {
  const index_t cols = a.weights->cols();
  const index_t group_size = a.weights->format().group_size;
  const panel_layout& layout = a.weights->layout();
  for (index_t sample = a.sample_begin; sample < a.sample_end; ++sample)
    for (index_t group = 0; group < layout.groups; ++group) {
      const index_t col = group * group_size;
      const index_t count = cols - col < group_size ? cols - col : group_size;
      visit(sample, group, col, count, group * layout.group_steps * step_cols);
    }
}

// Vectors of 16 may be written beyond a group's end, where the next group or padding follows; what is beyond is zero,
// but in a group with NaN, whose outputs are NaN whatever it is.
inline void quantize_inputs(const input_arguments& a) noexcept {
  const packed_format& format = a.weights->format();
  const std::int32_t zero = format.scheme == scheme::asymmetric ? 1 : zero_level(format);
  const i32x16 magnitude_bits = splat_int(0x7fffffff);
  for_each_group(a, [&](index_t sample, index_t group, index_t col, index_t count, index_t position) {
    const float* x = a.x + sample * a.x_stride + col;
    // As integers magnitudes sort like floats, and above them all NaN.
    i32x16 most = splat_int(0);
    for (index_t i = 0; i < count; i += 16)
      most = max(most, bit_and(as_int(load_up_to(x + i, count - i)), magnitude_bits));
    const float largest = std::bit_cast<float>(max_lanes(most));
    const bool tiny = largest < 0x1p-100f;
    const f32x16 inverse = splat(tiny ? 0.0f : 127.0f / largest);
    i32x16 sum = splat_int(0);
    std::int8_t* out = a.packed.codes + sample * a.packed.stride + position;
    for (index_t i = 0; i < count; i += 16) {
      const f32x16 scaled = mul(load_up_to(x + i, count - i), inverse);
      const i32x16 codes = to_int(min(max(scaled, splat(-127)), splat(127)));
      store_s8(out + i, codes);
      sum = add(sum, codes);
    }
    const index_t at = group * a.packed.samples + sample;
    const std::int32_t code_sum = sum_lanes(sum);
    a.packed.scales[at] = tiny ? 0.0f : largest / 127.0f;
    a.packed.zero_sums[at] = -zero * code_sum;
    a.packed.value_sums[at] = a.packed.scales[at] * static_cast<float>(code_sum);
  });
}

inline void pack_inputs(const input_arguments& a) noexcept {
  for_each_group(a, [&](index_t sample, index_t group, index_t col, index_t count, index_t position) {
    const float* x = a.x + sample * a.x_stride + col;
    float* out = a.packed.values + sample * a.packed.stride + position;
    f32x16 sum = splat(0);
    for (index_t i = 0; i < count; i += 16) {
      const f32x16 values = load_up_to(x + i, count - i);
      store(out + i, values);
      sum = add(sum, values);
    }
    a.packed.value_sums[group * a.packed.samples + sample] = fold(sum);
  });
}

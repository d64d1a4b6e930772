// The arithmetic of kernels/contract.hpp in the plainest code, weight by weight: what the kernels are checked against,
// with ==. Slow on purpose.
#pragma once

#include <cmath>
#include <vector>

#include <pare/kernels/inputs.hpp>
#include <pare/storage/unpack.hpp>

namespace pare::detail {

#include <pare/tensor/strict_fp_begin.inl>

// Inputs of one sample and group, as integers and their scale.
struct reference_group {
  std::vector<int> codes;
  float scale = 0;
  int sum = 0;
};

inline reference_group reference_quantize(const float* x, index_t count) {
  reference_group group;
  float largest = 0;
  for (index_t i = 0; i < count; ++i) largest = std::fabs(x[i]) > largest ? std::fabs(x[i]) : largest;
  const bool zero = largest < std::ldexp(1.0f, -100);
  group.scale = zero ? 0.0f : largest / 127.0f;
  const float inverse = zero ? 0.0f : 127.0f / largest;
  for (index_t i = 0; i < count; ++i) {
    const float scaled = x[i] * inverse;
    group.codes.push_back(static_cast<int>(std::nearbyint(scaled < -127 ? -127.0f : scaled > 127 ? 127.0f : scaled)));
    group.sum += group.codes.back();
  }
  return group;
}

// Sum over 16 lanes, folded in halves.
inline float reference_sum(const float* x, index_t count) {
  float lane[lanes] = {};
  for (index_t i = 0; i < count; ++i) lane[i % lanes] += x[i];
  for (index_t half = lanes / 2; half > 0; half /= 2)
    for (index_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}

// Two running sums, of even and of odd columns.
struct reference_places {
  float sum[2] = {};
  void add(index_t col, float weight, float x) { sum[col % 2] = std::fma(weight, x, sum[col % 2]); }
  float total() const { return sum[0] + sum[1]; }
};

inline float reference_dense(const packed_matrix& w, index_t row, const float* x, float bias) {
  reference_places places;
  for (index_t col = 0; col < w.cols(); ++col) places.add(col, unpack_float(w, row, col), x[col]);
  return places.total() + bias;
}

// One output of one sample x [cols].
inline float reference_output(const packed_matrix& w, index_t row, const float* x, float bias, precision inputs) {
  if (w.format().encoding == encoding::dense) return reference_dense(w, row, x, bias);
  const index_t group_size = w.format().group_size;
  const bool two_level = w.format().scheme == scheme::two_level;
  float sum = 0, offset_sum = 0;
  unpacked_weight first;
  for (index_t col = 0; col < w.cols(); col += group_size) {
    const index_t count = std::min(group_size, w.cols() - col);
    first = unpack_parameters(w, row, col / group_size);
    if (inputs == precision::int8) {
      const reference_group group = reference_quantize(x + col, count);
      int dot = 0;
      for (index_t i = 0; i < count; ++i)
        dot += (unpack_level(w, row, col + i, first.zero) - first.zero) * group.codes[static_cast<std::size_t>(i)];
      sum = std::fma(static_cast<float>(dot), first.scale * group.scale, sum);
      if (two_level) offset_sum = std::fma(first.group_offset, group.scale * static_cast<float>(group.sum), offset_sum);
    } else {
      reference_places places;
      for (index_t i = 0; i < count; ++i)
        places.add(i, static_cast<float>(unpack_level(w, row, col + i, first.zero) - first.zero), x[col + i]);
      sum = std::fma(places.total(), first.scale, sum);
      if (two_level) offset_sum = std::fma(first.group_offset, reference_sum(x + col, count), offset_sum);
    }
  }
  return std::fma(sum, first.unit, two_level ? std::fma(offset_sum, first.offset_unit, bias) : bias);
}

#include <pare/tensor/strict_fp_end.inl>

}  // namespace pare::detail

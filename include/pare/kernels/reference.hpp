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

// One row of weights, unpacked.
class reference_row {
 public:
  reference_row(const packed_matrix& w, index_t row) : format_(w.format()) {
    const bool dense = format_.encoding == encoding::dense;
    const std::vector<index_t> first = first_codes(w, row / panel_rows);
    for (index_t col = 0; col < w.cols(); ++col) {
      if (!dense && col % format_.group_size == 0)
        groups_.push_back(unpack_parameters(w, row, col / format_.group_size));
      weights_.push_back(
          dense ? unpack_float(w, row, col)
                : static_cast<float>(unpack_level(w, row, col, groups_.back().zero, first) - groups_.back().zero));
    }
  }

  // The output for one sample x [cols].
  float output(const float* x, float bias, precision inputs) const {
    const index_t cols = static_cast<index_t>(weights_.size());
    if (format_.encoding == encoding::dense) return float_sum(x, 0, cols) + bias;
    const bool two_level = format_.scheme == scheme::two_level;
    float sum = 0, offset_sum = 0;
    for (index_t begin = 0; begin < cols; begin += format_.group_size) {
      const index_t end = std::min(begin + format_.group_size, cols);
      const unpacked_weight& of = groups_[static_cast<std::size_t>(begin / format_.group_size)];
      float value_sum = 0;
      if (inputs == precision::int8) {
        const reference_group group = reference_quantize(x + begin, end - begin);
        int dot = 0;
        for (index_t col = begin; col < end; ++col)
          dot += static_cast<int>(weight(col)) * group.codes[static_cast<std::size_t>(col - begin)];
        sum = std::fma(static_cast<float>(dot), of.scale * group.scale, sum);
        value_sum = group.scale * static_cast<float>(group.sum);
      } else {
        sum = std::fma(float_sum(x, begin, end), of.scale, sum);
        value_sum = reference_sum(x + begin, end - begin);
      }
      if (two_level) offset_sum = std::fma(of.group_offset, value_sum, offset_sum);
    }
    if (groups_.empty()) return bias;
    const unpacked_weight& of_row = groups_.back();
    return std::fma(sum, of_row.unit, two_level ? std::fma(offset_sum, of_row.offset_unit, bias) : bias);
  }

 private:
  float weight(index_t col) const { return weights_[static_cast<std::size_t>(col)]; }

  // Two running sums, of even and of odd columns of a group.
  float float_sum(const float* x, index_t begin, index_t end) const {
    float sum[2] = {};
    for (index_t col = begin; col < end; ++col) {
      float& place = sum[(col - begin) % 2];
      place = std::fma(weight(col), x[col], place);
    }
    return sum[0] + sum[1];
  }

  packed_format format_;
  std::vector<unpacked_weight> groups_;
  std::vector<float> weights_;  // dense ones, or level - zero
};

#include <pare/tensor/strict_fp_end.inl>

}  // namespace pare::detail

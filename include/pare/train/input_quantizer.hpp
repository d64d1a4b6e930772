// Inputs of a layer rounded in training as the engine rounds them when it runs (kernels/inputs.inl).
#pragma once

#include <algorithm>
#include <cmath>

#include <pare/quantize/round.hpp>
#include <pare/tensor/view.hpp>

namespace pare {

// Signed 8 bits with a scale per sample and group of inputs, as at precision::int8. The gradient passes straight
// through: no input is beyond its group's range.
struct input_quantizer {
  index_t group_size = 0;  // inputs that share a scale: the weights' own groups; 0 for all of them
};

namespace detail {

#include <pare/tensor/strict_fp_begin.inl>

// One group in place: x = scale · round(x / scale) with scale = max|x| / 127, in the engine's arithmetic.
inline void round_input_group(float* x, index_t size) {
  float largest = 0;
  for (index_t i = 0; i < size; ++i) largest = std::max(largest, std::fabs(x[i]));
  const bool tiny = largest < 0x1p-100f;
  const float inverse = tiny ? 0.0f : 127.0f / largest, scale = tiny ? 0.0f : largest / 127.0f;
  for (index_t i = 0; i < size; ++i) x[i] = scale * round_even(clamp_code(x[i] * inverse, -127.0f, 127.0f));
}

#include <pare/tensor/strict_fp_end.inl>

// Samples are columns of `inputs`, each without gaps.
template <class Inputs>
void round_inputs(const input_quantizer& q, Inputs&& inputs) {
  const index_t size = inputs.rows();
  const index_t group = q.group_size > 0 ? q.group_size : std::max<index_t>(size, 1);
  for (index_t j = 0; j < inputs.cols(); ++j)
    for (index_t i = 0; i < size; i += group) round_input_group(&inputs(i, j), std::min(group, size - i));
}

}  // namespace detail
}  // namespace pare

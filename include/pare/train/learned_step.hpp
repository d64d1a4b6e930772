// A quantizer whose step is learned with the weights: LSQ (Esser et al. 2020, arXiv 1902.08153).
#pragma once

#include <cmath>

#include <pare/quantize/round.hpp>
#include <pare/tensor/view.hpp>
#include <pare/train/optimizer.hpp>

namespace pare {

// Weights become integers in [-levels, levels] times a step: 1 is ternary, 3 fits 3 bits, 7 fits 4.
struct learned_step {
  int levels = 7;        // 1 to 127
  bool per_row = false;  // a step per neuron, not one for the layer; compact and reorder_neurons do not take it along
};

inline void validate(const learned_step& q) {
  detail::require<value_error>(q.levels >= 1 && q.levels <= 127, "learned_step levels is ", q.levels,
                               ", must be 1 to 127");
}

namespace detail {

// Where learning must not go: a step of 0 or less.
inline constexpr float least_step = 1e-12f;

// 2 mean|w| / sqrt(levels) over the weights that are not zero (section 2.1 there), 1 where all are.
template <class Weights>
float first_step(const Weights& weights, int levels) {
  double sum = 0;
  index_t count = 0;
  for (index_t i = 0; i < weights.size(); ++i)
    if (weights(i) != 0) {
      sum += std::abs(static_cast<double>(weights(i)));
      ++count;
    }
  if (count == 0) return 1.0f;
  const double step = 2 * sum / static_cast<double>(count) / std::sqrt(static_cast<double>(levels));
  return std::max(static_cast<float>(step), least_step);
}

#include <pare/tensor/strict_fp_begin.inl>

// out_i = step · round(clip(w_i / step, ±levels)), halves to even (eq. 1 and 2).
inline void round_to_step(const float* w, index_t size, float step, int levels, float* out) {
  const float inverse = 1.0f / step, limit = static_cast<float>(levels);
  for (index_t i = 0; i < size; ++i) out[i] = step * round_even(clamp_code(w[i] * inverse, -limit, limit));
}

// dL/dstep from dL/dout in `gradient`, not scaled: d out/dstep is round(v) - v inside the range, v = w / step, and
// ±levels outside (eq. 3).
inline double step_slope(const float* w, index_t size, float step, int levels, const float* gradient) {
  const float inverse = 1.0f / step, limit = static_cast<float>(levels);
  double sum = 0;
  for (index_t i = 0; i < size; ++i) {
    const float v = w[i] * inverse;
    const bool inside = -limit < v && v < limit;
    sum += static_cast<double>(gradient[i] * (inside ? round_even(v) - v : clamp_code(v, -limit, limit)));
  }
  return sum;
}

// From dL/dout to dL/dw, in place: the same inside the range, 0 outside (eq. 5).
inline void clip_gradient(const float* w, index_t size, float step, int levels, float* gradient) {
  const float inverse = 1.0f / step, limit = static_cast<float>(levels);
  for (index_t i = 0; i < size; ++i) {
    const float v = w[i] * inverse;
    gradient[i] = -limit < v && v < limit ? gradient[i] : 0.0f;
  }
}

#include <pare/tensor/strict_fp_end.inl>

// What the gradient of a step is scaled by: 1 / sqrt(weights that share it · levels) (section 2.2).
inline float step_gradient_scale(index_t weights, int levels) {
  return 1.0f / std::sqrt(static_cast<float>(std::max<index_t>(weights, 1)) * static_cast<float>(levels));
}

}  // namespace detail
}  // namespace pare

// What keeps weights and gradients small, or makes them zero.
#pragma once

#include <pare/train/optimizer.hpp>

namespace pare {

// All are off at 0. Those of weights leave biases alone.
struct regularization {
  // Adds l1 sum |w| to the loss. By proximal steps: after each step of the optimizer |w| shrinks by learning rate · l1,
  // and what would change its sign is zero (Parikh and Boyd 2014, sec. 6.5.2), so that real zeros come about.
  float l1 = 0.0f;

  // Adds l2 / 2 sum w^2 to the loss: l2 w to the gradient, behind clipping.
  float l2 = 0.0f;

  // Adds group_lasso sum over neurons sqrt(inputs) |row of w| to the loss (Yuan and Lin 2006, eq. 2.1). By proximal
  // steps: the norm of each row shrinks by learning rate · group_lasso · sqrt(inputs), at most to zero, and whole
  // neurons become zero.
  float group_lasso = 0.0f;

  // The largest norm of a row of weights; larger ones are scaled down to it (Srivastava et al. 2014, sec. 5.1).
  float max_norm = 0.0f;

  // The share of inputs of hidden layers, and of the first, that are zero in a step, the others grown to make up for
  // it. In multiples of 2^-16, below 1.
  float dropout = 0.0f;
  float input_dropout = 0.0f;
};

// Of weights, variances and biases; steps and levels of quantizers follow their own gradients. Both are off at 0.
struct gradient_clipping {
  float value = 0.0f;  // each component is cut to [-value, value]
  float norm = 0.0f;   // then all are scaled to this Euclidean norm of all if it is larger (Pascanu et al. 2013)
};

inline void validate(const regularization& r) {
  detail::require_not_negative("l1", static_cast<double>(r.l1));
  detail::require_not_negative("l2", static_cast<double>(r.l2));
  detail::require_not_negative("group_lasso", static_cast<double>(r.group_lasso));
  detail::require_not_negative("max_norm", static_cast<double>(r.max_norm));
  detail::require_decay("dropout", r.dropout);
  detail::require_decay("input_dropout", r.input_dropout);
}

inline void validate(const gradient_clipping& c) {
  detail::require_not_negative("clipping value", static_cast<double>(c.value));
  detail::require_not_negative("clipping norm", static_cast<double>(c.norm));
}

namespace detail {

// The factor that brings gradients of this squared norm within the limit.
inline float clipping_factor(const gradient_clipping& clipping, double squared_norm) {
  const double limit = static_cast<double>(clipping.norm);
  return limit > 0 && squared_norm > limit * limit ? static_cast<float>(limit / std::sqrt(squared_norm)) : 1.0f;
}

// The proximal steps and the largest norm, on rows of weights that an optimizer has just stepped by `rate`.
template <class Rows>
void regularize(const regularization& r, Rows&& weights, double rate) {
  if (r.l1 > 0) {
    const float shrink = static_cast<float>(rate) * r.l1;
    weights = weights.array() - weights.array().max(-shrink).min(shrink);
  }
  if (r.group_lasso == 0 && r.max_norm == 0) return;
  const float shrink = static_cast<float>(rate) * r.group_lasso * std::sqrt(static_cast<float>(weights.cols()));
  for (index_t i = 0; i < weights.rows(); ++i) {
    const float norm = weights.row(i).norm();
    float wanted = std::max(norm - shrink, 0.0f);
    if (r.max_norm > 0) wanted = std::min(wanted, r.max_norm);
    if (wanted < norm) weights.row(i) *= wanted / norm;
  }
}

}  // namespace detail
}  // namespace pare

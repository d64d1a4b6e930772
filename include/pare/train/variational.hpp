// Sparse variational dropout (Molchanov, Ashukha and Vetrov 2017, arXiv 1701.05369): each weight is a normal
// distribution with a mean and a variance of its own, and those that are mostly noise are removed.
#pragma once

#include <cmath>
#include <span>

#include <Eigen/Core>

#include <pare/train/optimizer.hpp>

namespace pare {

// A training mode of whole networks. Trained are theta, the means, and log sigma^2; what is made small is the loss plus
// a divergence from a prior that has no preference of scale, by which variances grow wherever the loss allows. The
// divergence counts fully from the epoch `ramp_end` on, and not before `ramp_begin`; between, linearly more. The result
// keeps the means with log alpha = log sigma^2 - log theta^2 below `threshold`.
struct variational_dropout {
  double weight = 1.0;  // of the divergence, once it counts fully; >= 0
  double ramp_begin = 0;
  double ramp_end = 20;
  float first_log_variance = -10.0f;
  float threshold = 3.0f;
};

inline void validate(const variational_dropout& v) {
  detail::require_not_negative("variational_dropout weight", v.weight);
  detail::require_not_negative("variational_dropout ramp_begin", v.ramp_begin);
  detail::require<value_error>(v.ramp_end >= v.ramp_begin && detail::is_finite(v.ramp_end),
                               "variational_dropout ramp_end is ", v.ramp_end,
                               ", must be at least ramp_begin = ", v.ramp_begin);
  detail::require<value_error>(detail::is_finite(v.first_log_variance) && detail::is_finite(v.threshold),
                               "variational_dropout first_log_variance is ", v.first_log_variance, " and threshold ",
                               v.threshold, ", must be finite");
}

// The weight of the divergence when `epoch` epochs are done, fractions counted.
inline double divergence_weight(const variational_dropout& v, double epoch) {
  if (epoch >= v.ramp_end) return v.weight;
  return epoch <= v.ramp_begin ? 0.0 : v.weight * (epoch - v.ramp_begin) / (v.ramp_end - v.ramp_begin);
}

namespace detail {

inline constexpr float divergence_k1 = 0.63576f, divergence_k2 = 1.87320f, divergence_k3 = 1.48695f;
inline constexpr float least_square = 1e-16f;  // of theta in the logarithm

// Arrays of theta and log sigma^2.
template <class Theta, class LogVariance>
auto log_alpha(const Theta& theta, const LogVariance& log_variance) {
  return log_variance - (theta.square() + least_square).log();
}

// The sum of the divergences, by the approximation of eq. 14 there:
// k1 - k1 sigmoid(k2 + k3 log alpha) + log(1 + 1 / alpha) / 2.
template <class Theta, class LogVariance>
double divergence(const Theta& theta, const LogVariance& log_variance) {
  const auto a = log_alpha(theta, log_variance);
  // log(1 + e^-a), without overflow.
  const auto softplus = (-a).max(0.0f) + (-a.abs()).exp().log1p();
  return static_cast<double>(
      (divergence_k1 - divergence_k1 * (divergence_k2 + divergence_k3 * a).logistic() + 0.5f * softplus).sum());
}

// Adds `weight` times the gradient of the divergence to both gradients. Arrays without gaps of one length.
template <class Theta, class LogVariance, class Gradient>
void add_divergence_gradient(const Theta& theta, const LogVariance& log_variance, float weight,
                             Gradient&& theta_gradient, Gradient&& log_variance_gradient) {
  // In blocks, since the slope by log alpha is needed twice.
  constexpr index_t block = 256;
  Eigen::Array<typename Theta::Scalar, Eigen::Dynamic, 1, 0, block, 1> slope;
  for (index_t first = 0; first < theta.size(); first += block) {
    const index_t count = std::min(block, theta.size() - first);
    const auto t = theta.segment(first, count);
    slope = log_alpha(t, log_variance.segment(first, count));
    const auto s = (divergence_k2 + divergence_k3 * slope).logistic();
    slope = (-weight * divergence_k1 * divergence_k3) * s * (1.0f - s) - (0.5f * weight) * (-slope).logistic();
    log_variance_gradient.segment(first, count) += slope;
    theta_gradient.segment(first, count) -= slope * 2.0f * t / (t.square() + least_square);
  }
}

}  // namespace detail
}  // namespace pare

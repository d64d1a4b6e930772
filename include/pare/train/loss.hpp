// What training makes small: a loss of a batch of logits and targets, with its gradient.
#pragma once

#include <cmath>
#include <concepts>
#include <span>
#include <variant>

#include <pare/tensor/eigen.hpp>
#include <pare/train/optimizer.hpp>

namespace pare {

// Losses of one sample with logits z and targets t, K of each; labels are targets of 1 at the class and 0 elsewhere.

// -sum_i t_i log softmax(z)_i with t smoothed: (1 - label_smoothing) t + label_smoothing / K (Szegedy et al. 2016, sec.
// 7). Targets may be soft: not negative; a sample counts by their sum.
struct cross_entropy {
  float label_smoothing = 0.0f;  // in [0, 1)
};

// mean_i (z_i - t_i)^2
struct mean_squared_error {};

// mean_i h(z_i - t_i) with h(e) = e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2)  (Huber 1964)
struct huber {
  float delta = 1.0f;  // > 0
};

// -mean_i (t_i log sigmoid(z_i) + (1 - t_i) log(1 - sigmoid(z_i))), targets in [0, 1]
struct binary_cross_entropy {};

using loss = std::variant<cross_entropy, mean_squared_error, huber, binary_cross_entropy>;

// Throws value_error for a number outside its range.
template <std::same_as<loss> Loss>
void validate(const Loss& of) {
  if (const auto* l = std::get_if<cross_entropy>(&of)) detail::require_decay("label_smoothing", l->label_smoothing);
  if (const auto* l = std::get_if<huber>(&of)) detail::require_positive("huber delta", static_cast<double>(l->delta));
}

namespace detail {

template <class Logits, class Targets, class Gradient>
double add_up(const cross_entropy& loss, const Logits& z, const Targets& t, Gradient& gradient, float weight) {
  const float kept = 1.0f - loss.label_smoothing;
  const float spread = loss.label_smoothing / static_cast<float>(z.rows());
  double sum = 0;
  for (index_t j = 0; j < z.cols(); ++j) {
    gradient.col(j) = z.col(j).array() - z.col(j).maxCoeff();
    sum -= static_cast<double>((gradient.col(j).array() * (kept * t.col(j).array() + spread)).sum());
  }
  gradient = gradient.array().exp();
  for (index_t j = 0; j < z.cols(); ++j) {
    const float all = kept * t.col(j).sum() + loss.label_smoothing;
    const float total = gradient.col(j).sum();
    sum += static_cast<double>(all) * std::log(static_cast<double>(total));
    gradient.col(j) = weight * (gradient.col(j).array() * (all / total) - (kept * t.col(j).array() + spread));
  }
  return static_cast<double>(weight) * sum;
}

template <class Logits, class Targets, class Gradient>
double add_up(const mean_squared_error&, const Logits& z, const Targets& t, Gradient& gradient, float weight) {
  const float share = weight / static_cast<float>(z.rows());
  gradient = z - t;
  const double sum = static_cast<double>(gradient.squaredNorm());
  gradient *= 2 * share;
  return static_cast<double>(share) * sum;
}

template <class Logits, class Targets, class Gradient>
double add_up(const huber& loss, const Logits& z, const Targets& t, Gradient& gradient, float weight) {
  const float share = weight / static_cast<float>(z.rows());
  // With c = e cut to [-delta, delta] the loss is c (e - c / 2), and its slope c.
  const auto cut = (z - t).array().max(-loss.delta).min(loss.delta);
  const double sum = static_cast<double>((cut * ((z - t).array() - 0.5f * cut)).sum());
  gradient = share * cut;
  return static_cast<double>(share) * sum;
}

template <class Logits, class Targets, class Gradient>
double add_up(const binary_cross_entropy&, const Logits& z, const Targets& t, Gradient& gradient, float weight) {
  const float share = weight / static_cast<float>(z.rows());
  const auto x = z.array();
  const double sum = static_cast<double>((x.max(0.0f) - x * t.array() + (-x.abs()).exp().log1p()).sum());
  gradient = share * (x.logistic() - t.array());
  return static_cast<double>(share) * sum;
}

}  // namespace detail

// Returns `weight` times the sum of the losses of a batch and writes its gradient; logits, targets and gradient are
// Eigen matrices [outputs, batch] of floats. For cross_entropy gradient may be logits itself. With weight = 1 / batch
// both are means over the batch; parts of one batch pass the size of the whole. Throws shape_error.
template <class Logits, class Targets, class Gradient>
double loss_and_gradient(const loss& of, const Logits& logits, const Targets& targets, Gradient&& gradient,
                         float weight) {
  const auto require_shape = [&](std::string_view what, index_t rows, index_t cols) {
    detail::require<shape_error>(rows == logits.rows() && cols == logits.cols(), "loss: the ", what, " are [", rows,
                                 ", ", cols, "], the logits [", logits.rows(), ", ", logits.cols(), "]");
  };
  require_shape("targets", targets.rows(), targets.cols());
  require_shape("gradients", gradient.rows(), gradient.cols());
  if (logits.size() == 0) return 0.0;
  return std::visit([&](const auto& l) { return detail::add_up(l, logits, targets, gradient, weight); }, of);
}

// Targets of labels: 1 at the class, 0 elsewhere. `targets` is [outputs, labels]. Throws shape_error for another number
// of columns, value_error for a label outside [0, outputs).
template <class Targets>
void one_hot(std::span<const int> labels, Targets&& targets) {
  detail::require<shape_error>(static_cast<index_t>(labels.size()) == targets.cols(), "one_hot: ", labels.size(),
                               " labels for ", targets.cols(), " columns");
  for (std::size_t j = 0; j < labels.size(); ++j)
    detail::require<value_error>(labels[j] >= 0 && labels[j] < targets.rows(), "one_hot: label ", j, " is ", labels[j],
                                 ", must be 0 to ", targets.rows() - 1);
  targets.setZero();
  for (std::size_t j = 0; j < labels.size(); ++j) targets(labels[j], static_cast<index_t>(j)) = 1.0f;
}

}  // namespace pare

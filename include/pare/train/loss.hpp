// What training makes small: softmax cross-entropy of a batch of logits, with its gradient.
#pragma once

#include <cmath>
#include <concepts>
#include <span>

#include <pare/tensor/eigen.hpp>
#include <pare/tensor/matrix_view.hpp>

namespace pare {
namespace detail {

// What binds to any matrix of floats, and to others by a copy; depends on T so that a template names it late.
template <class T>
struct float_refs {
  using input = Eigen::Ref<const Eigen::MatrixXf>;
};

}  // namespace detail

// The loss of sample j with label c is -log softmax(logits_j)_c = log sum_i e^(logits_ij) - logits_cj. Returns `weight`
// times the sum over the batch; writes the gradient, weight (softmax(logits_j)_i - [i = c]). logits and gradient are
// [classes, batch]; gradient may be logits itself. With weight = 1 / batch both are means over the batch; shards of one
// batch pass the size of the whole. Throws shape_error, and value_error for a label outside [0, classes).
template <class Logits, std::convertible_to<std::span<const int>> Labels, class Gradient>
double softmax_cross_entropy(const Logits& logits_of, const Labels& labels_of, Gradient&& gradient, float weight) {
  const typename detail::float_refs<Logits>::input logits(logits_of);
  const std::span<const int> labels = labels_of;
  const index_t batch = logits.cols();
  detail::require<shape_error>(static_cast<index_t>(labels.size()) == batch, "loss: ", batch, " samples but ",
                               labels.size(), " labels");
  detail::require<shape_error>(gradient.rows() == logits.rows() && gradient.cols() == batch, "loss: the gradient is [",
                               gradient.rows(), ", ", gradient.cols(), "], the logits are [", logits.rows(), ", ",
                               batch, "]");
  for (std::size_t j = 0; j < labels.size(); ++j)
    detail::require<value_error>(labels[j] >= 0 && labels[j] < logits.rows(), "loss: label ", j, " is ", labels[j],
                                 ", must be 0 to ", logits.rows() - 1);
  double sum = 0;
  for (index_t j = 0; j < batch; ++j) {
    const int label = labels[static_cast<std::size_t>(j)];
    const float largest = logits.col(j).maxCoeff();
    const float at_label = logits(label, j) - largest;
    gradient.col(j) = (logits.col(j).array() - largest).exp();
    const float total = gradient.col(j).sum();
    sum += std::log(static_cast<double>(total)) - static_cast<double>(at_label);
    gradient.col(j) *= weight / total;
    gradient(label, j) -= weight;
  }
  return static_cast<double>(weight) * sum;
}

// The mean over the batch, and its gradient.
template <class Logits, std::convertible_to<std::span<const int>> Labels, class Gradient>
double softmax_cross_entropy(const Logits& logits, const Labels& labels, Gradient&& gradient) {
  detail::require<shape_error>(logits.cols() > 0, "loss: the batch is empty");
  return softmax_cross_entropy(logits, labels, gradient, 1.0f / static_cast<float>(logits.cols()));
}

}  // namespace pare

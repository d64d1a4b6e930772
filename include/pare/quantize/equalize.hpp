// Scaling hidden neurons: what the weights into a neuron are divided by, those out of it are multiplied by.
#pragma once

#include <pare/prune/float_matrix.hpp>

namespace pare {

// Divides rows of w1 [hidden, inputs] and of b1 [hidden] by positive scales [hidden], and multiplies the columns of w2
// [outputs, hidden] by them. With an activation for which f(s x) = s f(x) between them, such as ReLU, the outputs stay
// what they were, up to rounding. Throws shape_error where extents do not fit, value_error for a scale that is not
// positive and finite; all are unchanged then.
template <mutable_tensor W1, mutable_tensor B1, mutable_tensor W2>
void scale_neurons(W1&& w1, B1&& b1, W2&& w2, const Eigen::VectorXf& scales) {
  const auto incoming = as_matrix(w1);
  const auto bias = as_matrix(b1);
  const auto outgoing = as_matrix(w2);
  const index_t hidden = incoming.rows();
  detail::require<shape_error>(bias.size() == hidden && outgoing.cols() == hidden && scales.size() == hidden, "w1 has ",
                               hidden, " rows, b1 ", bias.size(), " elements, w2 ", outgoing.cols(),
                               " columns and there are ", scales.size(), " scales, must be as many");
  for (index_t j = 0; j < hidden; ++j)
    detail::require<value_error>(detail::is_finite(scales[j]) && scales[j] > 0, "scale ", j, " is ", scales[j],
                                 ", must be positive and finite");
  incoming.for_each([&](index_t row, index_t, auto& w) {
    w = static_cast<std::remove_reference_t<decltype(w)>>(static_cast<float>(w) / scales[row]);
  });
  bias.for_each([&](index_t row, index_t col, auto& b) {
    b = static_cast<std::remove_reference_t<decltype(b)>>(static_cast<float>(b) / scales[row * bias.cols() + col]);
  });
  outgoing.for_each([&](index_t, index_t col, auto& w) {
    w = static_cast<std::remove_reference_t<decltype(w)>>(static_cast<float>(w) * scales[col]);
  });
}

// The scales by which the weights into a neuron and those out of it come to the same largest magnitude: with those r1
// and r2, root(r1 / r2). 1 for a neuron that has no weights on either side. Nagel et al. 2019, arXiv 1906.04721,
// equation 11, which has 1/s for s.
template <tensor_like W1, tensor_like W2>
Eigen::VectorXf equalizing_scales(const W1& w1, const W2& w2) {
  const row_major_matrix incoming = detail::float_matrix(as_matrix(w1), "w1");
  const row_major_matrix outgoing = detail::float_matrix(as_matrix(w2), "w2");
  detail::require<shape_error>(outgoing.cols() == incoming.rows(), "w2 has ", outgoing.cols(), " columns, w1 has ",
                               incoming.rows(), " rows, must be as many");
  Eigen::VectorXf scales = Eigen::VectorXf::Ones(incoming.rows());
  for (index_t j = 0; j < scales.size(); ++j) {
    const float in = incoming.cols() == 0 ? 0.0f : incoming.row(j).cwiseAbs().maxCoeff();
    const float out = outgoing.rows() == 0 ? 0.0f : outgoing.col(j).cwiseAbs().maxCoeff();
    if (in > 0 && out > 0) scales[j] = std::sqrt(in / out);
  }
  return scales;
}

}  // namespace pare

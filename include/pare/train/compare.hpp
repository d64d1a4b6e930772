// How far the outputs of two perceptrons are apart: the check behind every change of their shape.
#pragma once

#include <algorithm>
#include <concepts>

#include <pare/train/mlp.hpp>

namespace pare {

struct output_difference {
  double largest = 0;    // |a - b| of any output of any sample
  double magnitude = 0;  // the largest |a|

  // 0 where the outputs are equal.
  double relative() const { return largest == 0 ? 0 : largest / magnitude; }
};

// Compares logits of a on inputs_a [features, samples] and of b on inputs_b, which may have other features of the same
// samples. Throws what forward throws, and shape_error for different numbers of outputs or samples, or for no samples,
// value_error for outputs that are not finite.
template <std::same_as<mlp> Model, class InputsA, class InputsB>
output_difference compare_outputs(const Model& a, const Eigen::MatrixBase<InputsA>& inputs_a, const Model& b,
                                  const Eigen::MatrixBase<InputsB>& inputs_b) {
  validate(a);
  validate(b);
  const index_t samples = inputs_a.cols();
  detail::require<shape_error>(a.layers.back().outputs() == b.layers.back().outputs(), "one mlp has ",
                               a.layers.back().outputs(), " outputs, the other ", b.layers.back().outputs());
  detail::require<shape_error>(samples > 0 && inputs_b.cols() == samples, "outputs are compared over ", samples,
                               " samples and ", inputs_b.cols(), ", must be as many and at least 1");
  constexpr index_t batch = 512;  // keeps the layers' outputs in cache
  output_difference result;
  for (index_t begin = 0; begin < samples; begin += batch) {
    const index_t size = std::min(batch, samples - begin);
    const auto of_a = forward(a, inputs_a.middleCols(begin, size)).template cast<double>().eval();
    const auto of_b = forward(b, inputs_b.middleCols(begin, size)).template cast<double>().eval();
    detail::require<value_error>(detail::is_finite(of_a.sum()) && detail::is_finite(of_b.sum()),
                                 "outputs to compare are not finite for some of samples ", begin, " to ",
                                 begin + size - 1);
    result.largest = std::max(result.largest, (of_a - of_b).cwiseAbs().maxCoeff());
    result.magnitude = std::max(result.magnitude, of_a.cwiseAbs().maxCoeff());
  }
  return result;
}

// The same on the same inputs.
template <std::same_as<mlp> Model, class Inputs>
output_difference compare_outputs(const Model& a, const Model& b, const Eigen::MatrixBase<Inputs>& inputs) {
  return compare_outputs(a, inputs, b, inputs);
}

namespace detail {

// The samples given, or else 64 with features drawn uniformly from [-1, 1).
template <std::same_as<Eigen::MatrixXf> Matrix>
Matrix samples_or_drawn(const Matrix& samples, index_t features) {
  if (samples.size() > 0) return samples;
  Matrix drawn(features, 64);
  random source(0);
  for (float& value : drawn.reshaped()) value = 2.0f * source.unit() - 1.0f;
  return drawn;
}

}  // namespace detail
}  // namespace pare

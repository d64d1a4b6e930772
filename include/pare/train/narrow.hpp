// Perceptrons with fewer neurons in every hidden layer.
#pragma once

#include <concepts>
#include <utility>
#include <vector>

#include <pare/prune/neurons.hpp>
#include <pare/train/compare.hpp>

namespace pare {

struct narrowed_mlp {
  mlp model;
  std::vector<std::vector<index_t>> kept;  // of each hidden layer, the numbers its neurons had, ascending
  output_difference outputs;               // from the model as it was, over the samples
};

// Removes the share `removed` of the neurons of every hidden layer, the least important first, but leaves one; a width
// is rounded up to a multiple of `multiple`. What removed neurons give on average over the samples [features, samples],
// of which there must be one, goes into the next bias. Layers are gone through from the first on, each with the inputs
// that are left. Throws what remove_neurons of two layers and compare_outputs throw.
template <std::same_as<mlp> Model>
narrowed_mlp remove_neurons(const Model& model, sparsity removed, const Eigen::MatrixXf& samples,
                            neuron_score score = neuron_score::l2, index_t multiple = 1) {
  validate(model);
  narrowed_mlp result{model, {}, {}};
  auto& layers = result.model.layers;
  for (std::size_t i = 0; i + 1 < layers.size(); ++i) {
    const Model below{{layers.begin(), layers.begin() + static_cast<std::ptrdiff_t>(i + 1)}};
    const auto hidden = forward(below, samples);
    detail::require<shape_error>(hidden.cols() > 0, "remove_neurons: no samples, at least 1 is needed");
    auto narrow = remove_neurons(layers[i].weights, layers[i].bias, layers[i + 1].weights, layers[i + 1].bias, removed,
                                 {.score = score,
                                  .multiple = multiple,
                                  .mean = hidden.rowwise().mean(),
                                  .mean_magnitude = hidden.cwiseAbs().rowwise().mean()});
    layers[i].weights = std::move(narrow.w1);
    layers[i].bias = std::move(narrow.b1);
    layers[i + 1].weights = std::move(narrow.w2);
    layers[i + 1].bias = std::move(narrow.b2);
    result.kept.push_back(std::move(narrow.kept));
  }
  result.outputs = compare_outputs(model, result.model, samples);
  return result;
}

}  // namespace pare

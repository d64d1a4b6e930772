// From a trained perceptron to smaller ones: neurons removed, weights pruned, fine-tuned.
#pragma once

#include <algorithm>
#include <vector>

#include <pare/prune/prune.hpp>
#include <pare/train/narrow.hpp>
#include <pare/train/trainer.hpp>

namespace bench {

// The perceptron that is wrong least often on `held_out`, the first of equals.
inline pare::mlp best_of(std::vector<pare::mlp> candidates, const pare::dataset& held_out) {
  std::vector<double> errors;
  for (const pare::mlp& each : candidates) errors.push_back(error_rate(each, held_out));
  return std::move(
      candidates[static_cast<std::size_t>(std::min_element(errors.begin(), errors.end()) - errors.begin())]);
}

// Keeps the part `kept` of the neurons of every hidden layer, by the score that does best on `data.test`.
inline pare::mlp narrowed(const pare::mlp& model, double kept, const pare::dataset_split& data) {
  std::vector<pare::mlp> candidates;
  for (const auto score : {pare::neuron_score::l1, pare::neuron_score::l2, pare::neuron_score::mean_activation})
    candidates.push_back(remove_neurons(model, pare::sparsity{1.0 - kept}, data.train.inputs, score).model);
  return best_of(std::move(candidates), data.test);
}

// Sets the smallest weights of all layers to zero.
inline void prune_layers(pare::mlp& model, pare::sparsity share, pare::pruning_scope among) {
  if (among == pare::pruning_scope::layer) {
    for (pare::dense_layer& layer : model.layers) prune(layer.weights, share);
    return;
  }
  std::vector<pare::importance<float>> rankings;
  for (const pare::dense_layer& layer : model.layers) rankings.push_back(pare::by_magnitude(layer.weights));
  const std::vector<pare::mask> masks = make_masks(rankings, share);
  for (std::size_t i = 0; i < masks.size(); ++i) masks[i].apply(model.layers[i].weights);
}

// The scope that does best on `held_out` when a model is pruned at once.
inline pare::pruning_scope best_scope(const pare::mlp& model, pare::sparsity share, const pare::dataset& held_out) {
  const auto error_of = [&](pare::pruning_scope among) {
    pare::mlp pruned = model;
    prune_layers(pruned, share, among);
    return error_rate(pruned, held_out);
  };
  return error_of(pare::pruning_scope::layer) < error_of(pare::pruning_scope::network) ? pare::pruning_scope::layer
                                                                                       : pare::pruning_scope::network;
}

// Trains on while weights go: ever fewer in a first half of the epochs, so that the others have time to take over; the
// second half is for them alone.
inline void fine_tune(pare::mlp& model, pare::sparsity share, pare::pruning_scope among, const pare::dataset& data,
                      pare::training_options options) {
  const pare::index_t steps = pare::steps_per_epoch(data.samples(), options.batch_size);
  if (share.value > 0)
    options.pruning = {.every = std::max<pare::index_t>(steps / 4, 1),
                       .schedule = {.end = options.epochs / 2 * steps, .final = share.value},
                       .scope = among};
  train(model, data, options);
}

}  // namespace bench

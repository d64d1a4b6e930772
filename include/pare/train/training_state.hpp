// Everything that a training run remembers from one batch to the next: what a checkpoint holds.
#pragma once

#include <limits>

#include <pare/train/training_options.hpp>

namespace pare::detail {

// Random numbers are no part of it: they follow from the seed, the epoch and the step.
struct training_state {
  int epoch = 0;      // epochs done
  index_t steps = 0;  // steps of the optimizer done
  parameters values;  // shadow parameters
  parameters first;   // memories of the optimizer
  parameters second;
  parameters average;                   // empty until averaging begins
  std::vector<mask> masks;              // one per layer, empty where nothing is removed
  std::vector<Eigen::VectorXf> energy;  // per layer [inputs], running mean of the squared inputs; empty unless needed
  pare::detail::plateau plateau;

  // Of early stopping: the result as it was best.
  parameters best;  // empty until the first epoch is done
  std::vector<mask> best_masks;
  double best_measure = std::numeric_limits<double>::infinity();
  int epochs_since_best = 0;
};

// Names the same types for every model, but later than they are named otherwise: so what a template does with them is
// not compiled before it is used.
template <std::same_as<mlp> Model>
struct training_types {
  using state = training_state;
  using matrix = Eigen::MatrixXf;
  using weights = row_major_matrix;
};

template <std::same_as<training_options> Options>
const weight_constraint& constraint_of(const Options& options, std::size_t layer) {
  static const weight_constraint none{};
  return options.constraints.empty() ? none : options.constraints[layer];
}

// Whether gradients reach removed weights, so that they move and may be kept again.
template <std::same_as<training_options> Options>
bool is_straight_through(const Options& options) {
  return options.pruning.every > 0 && options.pruning.regrow == regrowth::straight_through;
}

template <std::same_as<dense_layer> Layer>
layer_parameters first_parameters(const Layer& layer, const training_options& options, std::size_t index) {
  const weight_constraint& constraint = constraint_of(options, index);
  layer_parameters values{layer.weights, {}, layer.bias, {}};
  auto visible = layer.weights;
  keep_rows(constraint.kept, visible, 0, visible.rows());
  if (!is_straight_through(options)) values.weights = visible;
  values.levels = first_levels(constraint.quantizer, visible);
  if (options.variational)
    values.log_variance.setConstant(visible.rows(), visible.cols(), options.variational->first_log_variance);
  return values;
}

template <std::same_as<mlp> Model>
training_state first_state(const Model& model, const training_options& options) {
  training_state state;
  for (std::size_t l = 0; l < model.layers.size(); ++l) {
    const auto& layer = model.layers[l];
    state.values.push_back(first_parameters(layer, options, l));
    mask kept = constraint_of(options, l).kept;
    if (options.pruning.every > 0 && kept.size() == 0) kept = ~mask(layer.outputs(), layer.inputs());
    state.masks.push_back(std::move(kept));
    if (options.pruning.every > 0 && options.pruning.score == weight_score::input_energy)
      state.energy.push_back(Eigen::VectorXf::Zero(layer.inputs()));
  }
  state.first = zeros_like(state.values);
  state.second = zeros_like(state.values);
  return state;
}

// Where a variational layer keeps weights: log alpha below the threshold.
template <std::same_as<layer_parameters> Layer>
mask variational_mask(const Layer& layer, float threshold) {
  const auto ratio = log_alpha(layer.weights.array(), layer.log_variance.array()).eval();
  return mask::where(ratio.rows(), ratio.cols(), [&](index_t row, index_t col) { return ratio(row, col) < threshold; });
}

// What parameters stand for: the weights that a network runs with.
template <std::same_as<mlp> Model>
void write_result(const parameters& from, const std::vector<mask>& masks, const training_options& options,
                  Model& model) {
  for (std::size_t l = 0; l < from.size(); ++l) {
    const mask kept = options.variational ? variational_mask(from[l], options.variational->threshold) : masks[l];
    row_major_matrix& weights = model.layers[l].weights;
    apply(constraint_of(options, l).quantizer, kept, from[l], 0, weights.rows(), weights);
    model.layers[l].bias = from[l].bias;
  }
}

// The share of weights that are not zero.
template <std::same_as<mlp> Model>
double density(const Model& model) {
  index_t size = 0;
  for (const auto& layer : model.layers) size += layer.weights.size();
  return static_cast<double>(nonzero_weights(model)) / static_cast<double>(size);
}

}  // namespace pare::detail

// The same function in fewer neurons and inputs, once pruning has left some of them without weights.
#pragma once

#include <concepts>
#include <utility>
#include <vector>

#include <pare/train/compare.hpp>

namespace pare {

struct compacted_mlp {
  mlp model;
  std::vector<std::vector<index_t>> kept;  // of each hidden layer, the numbers its neurons had, ascending
  std::vector<index_t> live_inputs;        // inputs that a weight of the first layer uses, ascending
  output_difference outputs;               // from the model as it was
};

// Takes out hidden neurons that are constant, having no weights but a bias, whose value the next bias takes over; and
// those that no weight of the next layer uses. A layer keeps at least one neuron. What is left has the same weights, so
// that outputs change by the rounding of sums in another order only. The number of inputs stays. Outputs are compared
// over `samples` [features, samples], drawn from [-1, 1) if empty. O(weights). Throws what compare_outputs throws, and
// value_error for a bias that is not finite in float.
template <std::same_as<mlp> Model>
compacted_mlp compact(const Model& model, const Eigen::MatrixXf& samples = {});

struct trimmed_mlp {
  mlp model;                  // on the inputs kept, in their order
  std::vector<index_t> kept;  // the numbers the inputs had, ascending
  output_difference outputs;  // from the model as it was on all inputs
};

// Takes out inputs that no weight of the first layer uses, but leaves one. select_features gives samples that fit.
// Arguments and errors as for compact, which brings more such inputs about.
template <std::same_as<mlp> Model>
trimmed_mlp remove_dead_inputs(const Model& model, const Eigen::MatrixXf& samples = {});

namespace detail {

// The columns that are not all zero.
template <std::same_as<dense_layer> Layer>
std::vector<index_t> used_columns(const Layer& layer) {
  const auto used = (layer.weights.array() != 0.0f).colwise().any().eval();
  std::vector<index_t> numbers;
  for (index_t i = 0; i < used.size(); ++i)
    if (used[i]) numbers.push_back(i);
  return numbers;
}

template <std::same_as<dense_layer> Layer>
void keep_columns(Layer& layer, const std::vector<index_t>& kept) {
  layer.weights = layer.weights(Eigen::all, kept).eval();
}

template <std::same_as<dense_layer> Layer>
void keep_rows(Layer& layer, const std::vector<index_t>& kept) {
  layer.weights = layer.weights(kept, Eigen::all).eval();
  layer.bias = layer.bias(kept).eval();
}

// Adds what constant neurons of `layer` give to the bias of `next`, in double, and takes away their weights there.
template <std::same_as<dense_layer> Layer>
void fold_constants(const Layer& layer, Layer& next) {
  auto values = layer.bias;
  activate(layer.function, values);
  auto bias = next.bias.template cast<double>().eval();
  for (index_t j = 0; j < layer.outputs(); ++j) {
    if (!layer.weights.row(j).isZero(0.0f)) continue;
    bias += next.weights.col(j).template cast<double>() * static_cast<double>(values[j]);
    next.weights.col(j).setZero();
  }
  next.bias = bias.template cast<float>();
}

// Leaves the neurons between two layers that the second one uses, or one that gives and gets nothing.
template <std::same_as<dense_layer> Layer>
std::vector<index_t> drop_unused(Layer& layer, Layer& next) {
  std::vector<index_t> kept = used_columns(next);
  if (kept.empty()) {
    kept = {0};
    layer.weights.row(0).setZero();
    layer.bias[0] = 0.0f;
  }
  keep_rows(layer, kept);
  keep_columns(next, kept);
  return kept;
}

}  // namespace detail

template <std::same_as<mlp> Model>
compacted_mlp compact(const Model& model, const Eigen::MatrixXf& samples) {
  validate(model);
  compacted_mlp result{model, {}, {}, {}};
  auto& layers = result.model.layers;
  result.kept.resize(layers.size() - 1);
  // Forth, since folding may leave a neuron of the next layer constant; then back, since a neuron that goes may be the
  // only one to use another before it.
  for (std::size_t i = 0; i + 1 < layers.size(); ++i) detail::fold_constants(layers[i], layers[i + 1]);
  for (std::size_t i = layers.size() - 1; i-- > 0;) result.kept[i] = detail::drop_unused(layers[i], layers[i + 1]);
  result.live_inputs = detail::used_columns(layers.front());
  result.outputs = compare_outputs(model, result.model, detail::samples_or_drawn(samples, layers.front().inputs()));
  return result;
}

template <std::same_as<mlp> Model>
trimmed_mlp remove_dead_inputs(const Model& model, const Eigen::MatrixXf& samples) {
  validate(model);
  trimmed_mlp result{model, detail::used_columns(model.layers.front()), {}};
  if (result.kept.empty()) result.kept = {0};
  detail::keep_columns(result.model.layers.front(), result.kept);
  const auto all = detail::samples_or_drawn(samples, model.layers.front().inputs());
  result.outputs = compare_outputs(model, all, result.model, detail::select_rows(all, result.kept));
  return result;
}

}  // namespace pare

// The same function in fewer layers: those without an activation between them become one.
#pragma once

#include <concepts>
#include <utility>

#include <pare/train/compare.hpp>

namespace pare {

struct fusion {
  bool allow_larger = false;     // else layers stay apart that have fewer weights than their product, as factors have
  Eigen::MatrixXf samples = {};  // [features, samples] to compare the outputs over; if empty, drawn from [-1, 1)
};

struct fused_mlp {
  mlp model;
  output_difference outputs;  // from the model as it was
};

// Replaces two layers with nothing but a product between them by W2 W1 and W2 b1 + b2, summed in double, until there
// are no such two. Layers that do nothing are left out, which changes no bit of the outputs: an identity matrix without
// bias whose activation is none, or is relu behind relu or sigmoid. Throws what compare_outputs throws, and value_error
// for a product that is not finite in float.
template <std::same_as<mlp> Model>
fused_mlp fuse(const Model& model, const fusion& options = {});

namespace detail {

// The activation of the layer in front is `before`.
template <std::same_as<dense_layer> Layer>
bool does_nothing(const Layer& layer, activation before) {
  const bool passes = layer.outputs() == layer.inputs() && layer.weights.isIdentity(0.0f) && layer.bias.isZero(0.0f);
  const bool positive = before == activation::relu || before == activation::sigmoid;
  return passes && (layer.function == activation::identity || (layer.function == activation::relu && positive));
}

template <std::same_as<dense_layer> Layer>
Layer product(const Layer& first, const Layer& second) {
  const auto w2 = second.weights.template cast<double>().eval();
  return {(w2 * first.weights.template cast<double>()).template cast<float>(),
          (w2 * first.bias.template cast<double>() + second.bias.template cast<double>()).template cast<float>(),
          second.function};
}

// One walk over the layers. A product that can only be made of other products waits for the next.
template <std::same_as<mlp> Model>
Model fuse_neighbours(const Model& model, bool allow_larger) {
  Model result;
  for (const dense_layer& layer : model.layers) {
    const bool first = result.layers.empty();
    const activation before = first ? activation::identity : result.layers.back().function;
    const bool only = first && &layer == &model.layers.back();
    if (!only && does_nothing(layer, before)) continue;
    if (!first && before == activation::identity) {
      dense_layer& last = result.layers.back();
      const bool larger = layer.outputs() * last.inputs() > layer.weights.size() + last.weights.size();
      if (allow_larger || !larger) {
        last = product(last, layer);
        continue;
      }
    }
    result.layers.push_back(layer);
  }
  return result;
}

}  // namespace detail

template <std::same_as<mlp> Model>
fused_mlp fuse(const Model& model, const fusion& options) {
  validate(model);
  mlp result = model;
  for (std::size_t before = 0; before != result.layers.size();) {
    before = result.layers.size();
    result = detail::fuse_neighbours(result, options.allow_larger);
  }
  const output_difference outputs =
      compare_outputs(model, result, detail::samples_or_drawn(options.samples, model.layers.front().inputs()));
  return {std::move(result), outputs};
}

}  // namespace pare

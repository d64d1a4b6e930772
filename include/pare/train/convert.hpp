// From a trained perceptron to a network that runs, and back to train it further.
#pragma once

#include <concepts>

#include <pare/nn/quantize.hpp>
#include <pare/train/mlp.hpp>

namespace pare {

// The same function with 32-bit weights. Errors as for validate(model).
template <std::same_as<mlp> Model>
network to_network(const Model& model) {
  validate(model);
  network net(model.layers.front().inputs());
  for (const dense_layer& l : model.layers) {
    net.add(linear(pack_dense(l.weights), l.bias));
    if (l.function != activation::identity) net.add(l.function);
  }
  return net;
}

// The weights of a network that is nothing but linear layers, each with at most one activation behind it. Throws
// value_error naming the first layer that does not fit, or an activation that cannot be trained.
template <std::same_as<network> Network>
mlp to_mlp(const Network& net) {
  mlp model;
  for (std::size_t i = 0; i < net.layers().size(); ++i) {
    if (const auto* l = std::get_if<linear>(&net.layers()[i])) {
      model.layers.push_back({dense_weights(*l), {}, activation::identity});
      model.layers.back().bias = Eigen::Map<const Eigen::VectorXf>(l->bias().data(), l->outputs());
      continue;
    }
    const auto* function = std::get_if<activation_layer>(&net.layers()[i]);
    const bool fits = function != nullptr && function->alpha == default_alpha(function->function) &&
                      !model.layers.empty() && model.layers.back().function == activation::identity;
    detail::require<value_error>(fits, "layer ", i, " is not part of a perceptron: a linear layer, or one activation ",
                                 "with its default parameter behind one");
    model.layers.back().function = function->function;
  }
  validate(model);
  return model;
}

}  // namespace pare

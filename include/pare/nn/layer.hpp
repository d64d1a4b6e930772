// What a network is made of.
#pragma once

#include <variant>

#include <pare/kernels/activation.hpp>
#include <pare/nn/linear.hpp>
#include <pare/nn/normalize.hpp>

namespace pare {

// An elementwise function or softmax, applied to every sample.
struct activation_layer {
  activation function;
  float alpha;  // of leaky_relu and elu

  activation_layer(activation which) : activation_layer(which, default_alpha(which)) {}
  activation_layer(activation which, float parameter) : function(which), alpha(parameter) {}
};

// Adds what went into layer `from` of the network, a skip connection: y = x + input of layer `from`.
struct residual {
  std::size_t from;
};

using any_layer = std::variant<linear, activation_layer, normalization, residual>;

}  // namespace pare

// The elementwise functions between two linear layers.
#pragma once

#include <array>
#include <string_view>

namespace pare {

// f(x) for each element; `alpha` is the parameter of those that have one. softmax works on the whole sample.
enum class activation {
  identity,    // x
  relu,        // max(x, 0)
  leaky_relu,  // x if x > 0, else alpha x
  elu,         // x if x > 0, else alpha (e^x - 1)
  gelu,        // x Phi(x) = x/2 (1 + erf(x / sqrt 2))
  gelu_tanh,   // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  silu,        // x sigmoid(x)
  sigmoid,     // 1 / (1 + e^-x)
  tanh,        // (e^x - e^-x) / (e^x + e^-x)
  hard_swish,  // x max(0, min(1, x/6 + 1/2))
  softmax,     // e^(x_i - max x) / sum_j e^(x_j - max x)
};

inline constexpr std::array activations = {
    activation::identity, activation::relu,       activation::leaky_relu, activation::elu,
    activation::gelu,     activation::gelu_tanh,  activation::silu,       activation::sigmoid,
    activation::tanh,     activation::hard_swish, activation::softmax,
};

constexpr std::string_view name(activation function) noexcept {
  constexpr std::array<std::string_view, activations.size()> names = {
      "identity", "relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh", "hard_swish", "softmax"};
  return names[static_cast<std::size_t>(function)];
}

// The parameter that ONNX and PyTorch give leaky_relu and elu when none is named.
constexpr float default_alpha(activation function) noexcept {
  return function == activation::leaky_relu ? 0.01f : 1.0f;
}

}  // namespace pare

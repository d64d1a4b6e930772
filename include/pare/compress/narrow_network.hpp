// narrow_network: a network with fewer neurons in its hidden layers, for the inputs that it is used with.
#pragma once

#include <pare/compress/calibrate.hpp>
#include <pare/nn/quantize.hpp>
#include <pare/prune/neuron_surgery.hpp>

namespace pare {
namespace detail {

// Whether neurons between layer i and the next linear one can be taken out: nothing but a function of each by itself is
// in between.
inline bool has_free_neurons(const network& net, std::size_t i) {
  const auto layers = net.layers();
  if (i + 2 >= layers.size() || !std::holds_alternative<linear>(layers[i]) ||
      !std::holds_alternative<linear>(layers[i + 2]))
    return false;
  const auto* function = std::get_if<activation_layer>(&layers[i + 1]);
  return function != nullptr && function->function != activation::softmax;
}

inline void require_loss_of_variance(double loss_of_variance) {
  require<value_error>(loss_of_variance >= 0 && loss_of_variance <= 1, "loss_of_variance is ", loss_of_variance,
                       ", must be in [0, 1]");
}

}  // namespace detail

// Takes neurons out of every hidden layer that has an elementwise activation and then a linear layer behind it, as long
// as the outputs of that layer lose at most this share of their variance; from the first layer on, by
// neuron_removal_order, each for what is left of those before. Changed layers have 32-bit weights. Networks with
// residuals stay as they are. Errors as for calibrate with `inputs` [inputs, samples] and for neuron_removal_order, and
// value_error unless 0 <= loss <= 1.
template <std::same_as<network> Network>
network narrow_network(const Network& net, double loss_of_variance, const Eigen::MatrixXf& inputs,
                       executor* threads = nullptr, double damping = few_samples_damping) {
  detail::require_loss_of_variance(loss_of_variance);
  network result = net;
  for (const any_layer& layer : net.layers())
    if (std::holds_alternative<residual>(layer)) return result;
  for (std::size_t i = 0; i < net.layers().size(); ++i) {
    if (!detail::has_free_neurons(result, i)) continue;
    const calibration seen = calibrate(result, inputs, threads);
    const auto& below = std::get<linear>(result.layers()[i]);
    const auto& above = std::get<linear>(result.layers()[i + 2]);
    const neuron_removal_order order(dense_weights(below), below.bias(), dense_weights(above), above.bias(),
                                     seen.inputs_of(i + 2), damping);
    const kept_neurons kept = order.within(loss_of_variance);
    if (kept.value == order.neurons()) continue;
    const narrowed_layers narrow = order.keep(kept);
    result = replace_linear(result, [&](std::size_t j, const linear& l) {
      if (j == i) return linear(pack_dense(narrow.w1), narrow.b1, l.input_precision());
      if (j == i + 2) return linear(pack_dense(narrow.w2), narrow.b2, l.input_precision());
      return l;
    });
  }
  return result;
}

}  // namespace pare

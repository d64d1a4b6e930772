// From a trained perceptron to a network that runs, and back to train it further.
#pragma once

#include <bit>
#include <concepts>

#include <pare/nn/quantize.hpp>
#include <pare/train/constraint.hpp>

namespace pare {

// The same function with 32-bit weights. Errors as for validate(model).
template <std::same_as<mlp> Model>
network to_network(const Model& model);

// The network of a perceptron that was trained to be quantized, as trainer::model() and trainer::quantization() give
// it: weights packed as exactly the codes that they stand for, so that each is the same float as in the model; layers
// without a quantizer as 32-bit floats, multiplied with floats. Inputs of the others are 8-bit where training had them
// so. Throws shape_error unless there is one quantization per layer, and value_error for a weight that is not one of
// its levels, else as pack.
template <std::same_as<mlp> Model>
network to_network(const Model& model, const std::vector<layer_quantization>& quantization,
                   encoding as = encoding::codes);

// The weights of a network that is nothing but linear layers, each with at most one activation behind it. Throws
// value_error naming the first layer that does not fit, or an activation that cannot be trained.
template <std::same_as<network> Network>
mlp to_mlp(const Network& net);

namespace detail {

// Codes whose rows have one scale each, in groups as their inputs have.
inline quantized_codes plain_codes(index_t rows, index_t cols, int bits, const layer_quantization& from) {
  quantize_options options{.bits = bits, .scheme = scheme::symmetric, .granularity = granularity::row};
  if (from.inputs && from.inputs->group_size > 0) {
    options.granularity = granularity::group;
    options.group_size = from.inputs->group_size;
  }
  quantized_codes q = empty_codes(rows, cols, options);
  std::fill(q.scale.begin(), q.scale.end(), half_bits(1.0f));
  return q;
}

template <std::same_as<layer_quantization> Quantization>
quantized_codes step_codes_of(const row_major_matrix& weights, const learned_step& quantizer,
                              const Quantization& from) {
  const int bits = 1 + static_cast<int>(std::bit_width(static_cast<unsigned>(quantizer.levels)));
  quantized_codes q = plain_codes(weights.rows(), weights.cols(), bits, from);
  const index_t steps = quantizer.per_row ? weights.rows() : 1;
  require<shape_error>(from.levels.size() == steps, "the layer has ", from.levels.size(), " steps, must be ", steps);
  for (index_t row = 0; row < weights.rows(); ++row) {
    const float step = from.levels(quantizer.per_row ? row : 0);
    q.unit[static_cast<std::size_t>(row)] = step;
    for (index_t col = 0; col < weights.cols(); ++col) {
      const float level = std::nearbyint(weights(row, col) / step);
      require<value_error>(
          std::fabs(level) <= static_cast<float>(quantizer.levels) && level * step == weights(row, col), "weights[",
          row, ", ", col, "] is ", weights(row, col), ", not a multiple of its step ", step, " up to ",
          quantizer.levels);
      q.code(row, col) = static_cast<std::uint8_t>(static_cast<int>(level) + (1 << (bits - 1)));
    }
  }
  return q;
}

template <std::same_as<layer_quantization> Quantization>
quantized_codes codebook_codes_of(const row_major_matrix& weights, const learned_codebook& quantizer,
                                  const Quantization& from) {
  require<shape_error>(from.levels.size() == quantizer.levels, "the layer has ", from.levels.size(),
                       " levels, must be ", quantizer.levels);
  const int bits = static_cast<int>(std::bit_width(static_cast<unsigned>(quantizer.levels - 1)));
  quantized_codes q = plain_codes(weights.rows(), weights.cols(), bits, from);
  const codebook_values values(from.levels);
  q.levels.resize(std::size_t{1} << bits);
  for (std::size_t i = 0; i < values.size(); ++i) q.levels[i] = static_cast<std::int8_t>(values.multiple(i));
  std::fill(q.unit.begin(), q.unit.end(), values.unit());
  for (index_t row = 0; row < weights.rows(); ++row)
    for (index_t col = 0; col < weights.cols(); ++col) {
      const std::size_t code = values.nearest(weights(row, col));
      require<value_error>(values.value(code) == weights(row, col), "weights[", row, ", ", col, "] is ",
                           weights(row, col), ", not one of the levels");
      q.code(row, col) = static_cast<std::uint8_t>(code);
    }
  return q;
}

template <std::same_as<layer_quantization> Quantization>
packed_matrix pack_quantized(const row_major_matrix& weights, const Quantization& from, encoding as) {
  if (const auto* q = std::get_if<learned_step>(&from.quantizer)) return pack(step_codes_of(weights, *q, from), as);
  if (const auto* q = std::get_if<learned_codebook>(&from.quantizer))
    return pack(codebook_codes_of(weights, *q, from), as);
  return pack_dense(weights);
}

}  // namespace detail

template <std::same_as<mlp> Model>
network to_network(const Model& model) {
  return to_network(model, std::vector<layer_quantization>(model.layers.size()));
}

template <std::same_as<mlp> Model>
network to_network(const Model& model, const std::vector<layer_quantization>& quantization, encoding as) {
  validate(model);
  detail::require<shape_error>(quantization.size() == model.layers.size(), "to_network: ", quantization.size(),
                               " quantizations for ", model.layers.size(), " layers");
  network net(model.layers.front().inputs());
  for (std::size_t l = 0; l < model.layers.size(); ++l) {
    const dense_layer& layer = model.layers[l];
    const precision inputs = quantization[l].inputs ? precision::int8 : precision::float32;
    net.add(linear(detail::pack_quantized(layer.weights, quantization[l], as), layer.bias, inputs));
    if (layer.function != activation::identity) net.add(layer.function);
  }
  return net;
}

template <std::same_as<network> Network>
mlp to_mlp(const Network& net) {
  mlp model;
  for (std::size_t i = 0; i < net.layers().size(); ++i) {
    if (const auto* l = std::get_if<linear>(&net.layers()[i])) {
      model.layers.push_back({dense_weights(*l), {}, activation::identity});
      model.layers.back().bias.resize(l->outputs());
      std::copy_n(l->bias().data(), l->outputs(), model.layers.back().bias.data());
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

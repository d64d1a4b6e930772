// A multi-layer perceptron in plain Eigen matrices: what is trained, pruned and quantized before it is packed.
// Here and in all of train/ functions that compute with Eigen are templates, so that a program which trains nothing
// does not spend time on compiling them.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <initializer_list>
#include <vector>

#include <pare/kernels/activation.hpp>
#include <pare/train/dataset.hpp>

namespace pare {

// y = f(W x + b)
struct dense_layer {
  row_major_matrix weights;                    // [outputs, inputs]
  Eigen::VectorXf bias;                        // [outputs]
  activation function = activation::identity;  // leaky_relu has its default slope

  index_t inputs() const { return weights.cols(); }
  index_t outputs() const { return weights.rows(); }
};

// The activations that can be trained: those whose derivative follows from their value.
constexpr bool is_trainable(activation function) noexcept {
  return function == activation::identity || function == activation::relu || function == activation::leaky_relu ||
         function == activation::sigmoid || function == activation::tanh;
}

// Layers in order; the outputs of the last one are the logits.
struct mlp {
  std::vector<dense_layer> layers;
};

// Throws shape_error unless there are layers, each taking what the one before gives and with one bias per output, and
// value_error for an activation that is not trainable or a parameter that is not finite.
template <std::same_as<mlp> Model>
void validate(const Model& model) {
  detail::require<shape_error>(!model.layers.empty(), "mlp: no layers, at least 1 is needed");
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const dense_layer& layer = model.layers[i];
    detail::require<shape_error>(layer.outputs() > 0 && layer.inputs() > 0, "mlp: layer ", i, " is [", layer.outputs(),
                                 ", ", layer.inputs(), "], must not be empty");
    detail::require<shape_error>(layer.bias.size() == layer.outputs(), "mlp: layer ", i, " has ", layer.outputs(),
                                 " outputs but ", layer.bias.size(), " biases");
    detail::require<shape_error>(i == 0 || layer.inputs() == model.layers[i - 1].outputs(), "mlp: layer ", i, " takes ",
                                 layer.inputs(), " inputs, layer ", i - 1, " gives ",
                                 i == 0 ? 0 : model.layers[i - 1].outputs());
    detail::require<value_error>(is_trainable(layer.function), "mlp: layer ", i, " has activation ",
                                 name(layer.function), ", must be identity, relu, leaky_relu, sigmoid or tanh");
    detail::require_finite(as_matrix(layer.weights), detail::text("mlp: layer ", i, " weights"));
    detail::require_finite(as_matrix(layer.bias), detail::text("mlp: layer ", i, " bias"));
  }
}

// Weights that are not zero, biases not counted.
template <std::same_as<mlp> Model>
index_t nonzero_weights(const Model& model) {
  index_t count = 0;
  for (const auto& layer : model.layers) count += (layer.weights.array() != 0.0f).count();
  return count;
}

// Layers of the given widths, relu between them and the logits plain. Weights are uniform with variance 2 / inputs
// (He et al. 2015, eq. 10), biases zero; the same for the same seed on every machine. Throws value_error for fewer than
// two widths or a width below 1.
template <std::same_as<mlp> Model = mlp>
Model make_mlp(std::initializer_list<index_t> widths, std::uint64_t seed) {
  detail::require<value_error>(widths.size() >= 2, "mlp: ", widths.size(), " widths, at least 2 are needed");
  for (const index_t width : widths) detail::require<value_error>(width >= 1, "mlp: width ", width, " is below 1");
  detail::random source(seed);
  Model model;
  for (const index_t* width = widths.begin(); width + 1 != widths.end(); ++width) {
    auto& layer = model.layers.emplace_back();
    layer.weights.resize(width[1], width[0]);
    layer.bias.setZero(width[1]);
    layer.function = activation::relu;
    const float limit = std::sqrt(6.0f / static_cast<float>(width[0]));
    std::generate_n(layer.weights.data(), layer.weights.size(), [&] { return limit * (2.0f * source.unit() - 1.0f); });
  }
  model.layers.back().function = activation::identity;
  return model;
}

namespace detail {

// y <- f(y)
template <class Outputs>
void activate(activation function, Outputs&& y) {
  switch (function) {
    case activation::relu: y = y.cwiseMax(0.0f); break;
    case activation::leaky_relu: y = y.cwiseMax(default_alpha(function) * y); break;
    case activation::sigmoid: y = y.array().logistic(); break;
    case activation::tanh: y = y.array().tanh(); break;
    default: break;
  }
}

// y <- f(W x + b), x [inputs, batch], y [outputs, batch]
template <std::same_as<dense_layer> Layer, class Inputs, class Outputs>
void run_layer(const Layer& layer, const Inputs& x, Outputs&& y) {
  y.noalias() = layer.weights * x;
  y.colwise() += layer.bias;
  activate(layer.function, y);
}

template <std::same_as<mlp> Model>
void validate_inputs(const Model& model, index_t features) {
  validate(model);
  require<shape_error>(features == model.layers.front().inputs(), "mlp: samples have ", features,
                       " features, the first layer takes ", model.layers.front().inputs());
}

template <std::same_as<mlp> Model, class Inputs>
Eigen::MatrixXf run_layers(const Model& model, const Inputs& inputs) {
  Eigen::MatrixXf x = inputs;
  for (const auto& layer : model.layers) {
    Eigen::MatrixXf y(layer.outputs(), x.cols());
    run_layer(layer, x, y);
    x.swap(y);
  }
  return x;
}

}  // namespace detail

// The logits [outputs, batch] of inputs [features, batch]. Throws what validate(model) throws, and shape_error for
// inputs of another size than the first layer takes.
template <std::same_as<mlp> Model, class Inputs>
Eigen::MatrixXf forward(const Model& model, const Eigen::MatrixBase<Inputs>& inputs) {
  detail::validate_inputs(model, inputs.rows());
  return detail::run_layers(model, inputs);
}

}  // namespace pare

// Gradients of a multi-layer perceptron by backpropagation (Rumelhart, Hinton and Williams 1986).
#pragma once

#include <optional>

#include <pare/train/input_quantizer.hpp>
#include <pare/train/noise.hpp>
#include <pare/train/parameters.hpp>
#include <pare/train/product.hpp>

namespace pare::detail {

// A part of a range.
struct share {
  index_t begin = 0;
  index_t size = 0;
};

// The i-th of `count` parts of [0, size), nearly equal.
inline share share_of(index_t size, index_t i, index_t count) {
  const index_t begin = size * i / count;
  return {begin, size * (i + 1) / count - begin};
}

// Columns of a matrix, which have no gaps between them.
template <std::same_as<Eigen::MatrixXf> Matrix>
Eigen::Map<Matrix> columns(Matrix& matrix, share part) {
  return {matrix.data() + part.begin * matrix.rows(), matrix.rows(), part.size};
}

// What a layer computes with: y = f(W x + b), or with a variance V of each weight, y = f(W x + b + sqrt(V x^2) noise).
struct effective_layer {
  const row_major_matrix* weights;   // W, [outputs, inputs]
  const row_major_matrix* variance;  // V, [outputs, inputs], or null
  const Eigen::VectorXf* bias;       // b, [outputs]
  activation function;
};

// What happens to the inputs of a layer before it sees them.
struct input_change {
  float dropout = 0.0f;
  std::optional<input_quantizer> quantizer = {};

  bool any() const { return dropout > 0 || quantizer; }
};

// What one layer keeps of a batch between its forward and its backward pass. Samples are columns. A template, as the
// passes are, so that they are compiled only where they are used.
template <std::same_as<dense_layer> Layer>
struct layer_pass {
  layer_pass(const Layer& layer, bool first, const input_change& changes, bool variational, index_t capacity)
      : change(changes), outputs(layer.outputs(), capacity), delta(layer.outputs(), capacity) {
    if (first || change.any()) inputs.resize(layer.inputs(), capacity);
    if (change.dropout > 0) dropped.resize(layer.inputs(), capacity);
    if (!variational) return;
    squares.resize(layer.inputs(), capacity);
    square_delta.resize(layer.inputs(), capacity);
    noise_slope.resize(layer.outputs(), capacity);
  }

  input_change change;
  Eigen::MatrixXf inputs;        // x, where it is not just what the layer before gave
  Eigen::MatrixXf outputs;       // y
  Eigen::MatrixXf delta;         // dL/dy, then dL/d(W x + b)
  Eigen::MatrixXf dropped;       // 0 or 1 / (1 - dropout), by which inputs are multiplied
  Eigen::MatrixXf squares;       // x^2
  Eigen::MatrixXf noise_slope;   // noise / (2 sqrt(V x^2)), then dL/d(V x^2)
  Eigen::MatrixXf square_delta;  // dL/d(x^2)
};

// Forward and backward passes over a batch, by parts that may run side by side: parts of the samples for forward and
// backward, then parts of the rows of weights for the gradients.
//   pass.layers[0].inputs = ...; for each part of the samples: pass.forward(layers, part, noise, buffers);
//   pass.logit_delta(part) = dL/dlogits;                       pass.backward(layers, part, buffers);
//   for each part of the rows of layer l:                      pass.weight_gradient(l, rows, samples, buffers, ...);
template <std::same_as<dense_layer> Layer = dense_layer>
class backpropagation {
 public:
  std::vector<layer_pass<Layer>> layers;

  auto logits(share part) { return columns(layers.back().outputs, part); }
  auto logit_delta(share part) { return columns(layers.back().delta, part); }
  auto inputs(std::size_t layer, share part) {
    auto& own = layers[layer].inputs;
    return columns(own.size() > 0 ? own : layers[layer - 1].outputs, part);
  }

  // `noise` is to be another for each part and batch.
  template <std::same_as<std::vector<effective_layer>> Layers>
  void forward(const Layers& with, share part, random noise, packing_buffers& buffers) {
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const random own_noise(noise.bits());
      change_inputs(l, part, own_noise);
      const auto x = inputs(l, part);
      auto y = columns(layers[l].outputs, part);
      multiply(buffers, *with[l].weights, x, y);
      y.colwise() += *with[l].bias;
      if (with[l].variance != nullptr) add_noise(l, *with[l].variance, part, own_noise, buffers);
      activate(with[l].function, y);
    }
  }

  // The gradient by the inputs of the first layer is left out.
  template <std::same_as<std::vector<effective_layer>> Layers>
  void backward(const Layers& with, share part, packing_buffers& buffers) {
    for (std::size_t l = layers.size(); l-- > 0;) {
      auto delta = columns(layers[l].delta, part);
      scale_by_derivative(with[l].function, columns(layers[l].outputs, part), delta);
      if (with[l].variance != nullptr) columns(layers[l].noise_slope, part).array() *= delta.array();
      if (l > 0) pass_down(l, with[l], part, buffers);
    }
  }

  // dL/dW = delta x^T and dL/db = sum of delta, for some rows and all samples of a batch.
  template <std::same_as<layer_parameters> Gradient>
  void weight_gradient(std::size_t l, share rows, share samples, packing_buffers& buffers, Gradient& gradient) {
    const auto delta = columns(layers[l].delta, samples).middleRows(rows.begin, rows.size);
    multiply(buffers, delta, inputs(l, samples).transpose(), gradient.weights.middleRows(rows.begin, rows.size));
    gradient.bias.segment(rows.begin, rows.size).noalias() = delta.rowwise().sum();
  }

  // dL/dV, written to gradient.log_variance.
  template <std::same_as<layer_parameters> Gradient>
  void variance_gradient(std::size_t l, share rows, share samples, packing_buffers& buffers, Gradient& gradient) {
    const auto delta = columns(layers[l].noise_slope, samples).middleRows(rows.begin, rows.size);
    multiply(buffers, delta, columns(layers[l].squares, samples).transpose(),
             gradient.log_variance.middleRows(rows.begin, rows.size));
  }

 private:
  static constexpr float least_variance = 1e-16f;  // of an output, where a root has no slope

  void change_inputs(std::size_t l, share part, random noise) {
    auto& layer = layers[l];
    if (!layer.change.any()) return;
    auto x = inputs(l, part);
    if (l > 0) x = columns(layers[l - 1].outputs, part);
    if (layer.change.dropout > 0) {
      auto dropped = columns(layer.dropped, part);
      fill_dropout(noise, layer.change.dropout, dropped);
      x.array() *= dropped.array();
    }
    if (layer.change.quantizer) round_inputs(*layer.change.quantizer, x);
  }

  // y += sqrt(V x^2) noise: sampling outputs, not weights (Kingma, Salimans and Welling 2015, section 2.2).
  void add_noise(std::size_t l, const row_major_matrix& variance, share part, random noise, packing_buffers& buffers) {
    auto squares = columns(layers[l].squares, part);
    auto slope = columns(layers[l].noise_slope, part);
    auto deviation = columns(layers[l].delta, part);  // free until the backward pass
    squares = inputs(l, part).array().square();
    multiply(buffers, variance, squares, deviation);
    deviation = (deviation.array() + least_variance).sqrt();
    fill_normal(random(noise.bits()), slope);
    columns(layers[l].outputs, part).array() += deviation.array() * slope.array();
    slope.array() /= 2.0f * deviation.array();
  }

  // The gradient by what layer l - 1 gave: dL/dx = W^T delta + 2 x V^T dL/d(V x^2), where x was not dropped.
  template <std::same_as<effective_layer> Effective>
  void pass_down(std::size_t l, const Effective& with, share part, packing_buffers& buffers) {
    auto down = columns(layers[l - 1].delta, part);
    multiply(buffers, with.weights->transpose(), columns(layers[l].delta, part), down);
    if (with.variance != nullptr) {
      auto square_delta = columns(layers[l].square_delta, part);
      multiply(buffers, with.variance->transpose(), columns(layers[l].noise_slope, part), square_delta);
      down.array() += 2.0f * inputs(l, part).array() * square_delta.array();
    }
    if (layers[l].change.dropout > 0) down.array() *= columns(layers[l].dropped, part).array();
  }

  // delta <- delta f'(x), written in terms of y = f(x)
  template <class Outputs, class Delta>
  static void scale_by_derivative(activation function, const Outputs& outputs, Delta& delta) {
    const auto y = outputs.array();
    auto d = delta.array();
    switch (function) {
      case activation::relu: d = (y > 0.0f).select(d, 0.0f); break;
      case activation::leaky_relu: d = (y > 0.0f).select(d, default_alpha(function) * d); break;
      case activation::sigmoid: d *= y * (1.0f - y); break;
      case activation::tanh: d *= 1.0f - y.square(); break;
      default: break;
    }
  }
};

}  // namespace pare::detail

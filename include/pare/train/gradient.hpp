// Gradients of a multi-layer perceptron by backpropagation (Rumelhart, Hinton and Williams 1986).
#pragma once

#include <pare/train/mlp.hpp>

namespace pare {

// The buffers of a forward and a backward pass over up to `capacity` samples. Between the two the caller turns the
// logits into the gradient of a loss:
//   pass.inputs.leftCols(n) = ...;
//   pass.forward(model, n);
//   softmax_cross_entropy(pass.logits(n), labels, pass.logit_gradient(n));
//   pass.backward(model, n);
// and finds the gradients in pass.gradients. The model must be valid and keep its shape; these buffers are all that
// the passes need, but for what Eigen's products take for packing.
struct backpropagation {
  struct layer_gradient {
    Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> weights;  // [outputs, inputs]
    Eigen::VectorXf bias;                                                           // [outputs]
  };

  template <std::same_as<mlp> Model>
  backpropagation(const Model& model, index_t capacity) : inputs(model.layers.front().inputs(), capacity) {
    for (const dense_layer& layer : model.layers) {
      outputs.emplace_back(layer.outputs(), capacity);
      deltas.emplace_back(layer.outputs(), capacity);
      gradients.push_back({{layer.outputs(), layer.inputs()}, Eigen::VectorXf(layer.outputs())});
    }
  }

  auto logits(index_t n) { return outputs.back().leftCols(n); }
  auto logit_gradient(index_t n) { return deltas.back().leftCols(n); }

  template <std::same_as<mlp> Model>
  void forward(const Model& model, index_t n) {
    for (std::size_t i = 0; i < model.layers.size(); ++i)
      detail::run_layer(model.layers[i], inputs_of(i).leftCols(n), outputs[i].leftCols(n));
  }

  // With delta = dL / d(W x + b): dL/dW = delta x^T, dL/db = sum of delta, dL/dx = W^T delta.
  template <std::same_as<mlp> Model>
  void backward(const Model& model, index_t n) {
    for (std::size_t i = model.layers.size(); i-- > 0;) {
      auto delta = deltas[i].leftCols(n);
      scale_by_derivative(model.layers[i].function, outputs[i].leftCols(n), delta);
      gradients[i].weights.noalias() = delta * inputs_of(i).leftCols(n).transpose();
      gradients[i].bias.noalias() = delta.rowwise().sum();
      if (i > 0) deltas[i - 1].leftCols(n).noalias() = model.layers[i].weights.transpose() * delta;
    }
  }

  Eigen::MatrixXf inputs;                // [features, capacity]
  std::vector<Eigen::MatrixXf> outputs;  // per layer [outputs, capacity]
  std::vector<Eigen::MatrixXf> deltas;   // per layer [outputs, capacity]
  std::vector<layer_gradient> gradients;

 private:
  const Eigen::MatrixXf& inputs_of(std::size_t layer) const { return layer == 0 ? inputs : outputs[layer - 1]; }

  // delta <- delta f'(x), written in terms of y = f(x)
  template <class Outputs, class Delta>
  static void scale_by_derivative(activation function, const Outputs& outputs, Delta&& delta) {
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

}  // namespace pare

// Perceptrons that tests of training share, and the same in double precision.
#pragma once

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <pare/train/mlp.hpp>

#include "support.hpp"

inline double apply(pare::activation function, double x) {
  switch (function) {
    case pare::activation::relu: return x > 0 ? x : 0;
    case pare::activation::leaky_relu: return x > 0 ? x : static_cast<double>(0.01f) * x;
    case pare::activation::sigmoid: return 1 / (1 + std::exp(-x));
    case pare::activation::tanh: return std::tanh(x);
    default: return x;
  }
}

struct double_layer {
  Eigen::MatrixXd weights;
  Eigen::VectorXd bias;
  pare::activation function;
};

inline std::vector<double_layer> to_double(const pare::mlp& model) {
  std::vector<double_layer> layers;
  for (const pare::dense_layer& layer : model.layers)
    layers.push_back({layer.weights.cast<double>(), layer.bias.cast<double>(), layer.function});
  return layers;
}

inline Eigen::MatrixXd double_outputs(const std::vector<double_layer>& layers, Eigen::MatrixXd x) {
  for (const double_layer& layer : layers) {
    x = ((layer.weights * x).colwise() + layer.bias).eval();
    x = x.unaryExpr([&](double value) { return apply(layer.function, value); }).eval();
  }
  return x;
}

// What every layer gives when nothing cancels: |W| x + |b|, which bounds all partial sums (1 where a sigmoid
// saturates).
inline std::vector<Eigen::MatrixXd> magnitudes(const std::vector<double_layer>& layers, const Eigen::MatrixXd& x) {
  std::vector<Eigen::MatrixXd> result = {x.cwiseAbs()};
  for (const double_layer& layer : layers)
    result.push_back(((layer.weights.cwiseAbs() * result.back()).colwise() + layer.bias.cwiseAbs()).array() + 1.0);
  return result;
}

// How far float outputs may be from those in double: each layer rounds once per term of a sum and a few times in its
// activation, and no activation makes an error larger.
inline Eigen::MatrixXd forward_bound(const std::vector<double_layer>& layers, const Eigen::MatrixXd& x) {
  double roundings = 0;
  for (const double_layer& layer : layers) roundings += static_cast<double>(layer.weights.cols()) + 8;
  return roundings * static_cast<double>(std::numeric_limits<float>::epsilon()) * magnitudes(layers, x).back();
}

// Small whole numbers, about half of them zero: sums of their products are exact in float, whatever their order.
inline Eigen::MatrixXf whole_numbers(pare::index_t rows, pare::index_t cols, std::uint32_t seed) {
  std::mt19937 generator(seed);
  return Eigen::MatrixXf::NullaryExpr(
      rows, cols, [&] { return generator() % 2 == 0 ? 0.0f : static_cast<float>(generator() % 7) - 3.0f; });
}

inline pare::dense_layer whole_layer(pare::index_t outputs, pare::index_t inputs, std::uint32_t seed,
                                     pare::activation function) {
  return {whole_numbers(outputs, inputs, seed), whole_numbers(outputs, 1, seed + 100), function};
}

inline pare::mlp make_model(pare::activation hidden) {
  pare::mlp model = pare::make_mlp({4, 6, 5, 3}, 11);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    model.layers[i].bias = 0.5f * gaussian(model.layers[i].outputs(), 1, static_cast<std::uint32_t>(i) + 20);
    if (i + 1 < model.layers.size()) model.layers[i].function = hidden;
  }
  return model;
}

// Roundings on the way through the network, forth and back: the terms of every sum and a few for each function.
inline constexpr double roundings = 2 * (4 + 6 + 5 + 3 * 8);

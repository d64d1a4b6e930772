// What training changes: tensors of each layer. Gradients, the memories of optimizers and averages have the same shape.
#pragma once

#include <concepts>
#include <vector>

#include <pare/train/mlp.hpp>

namespace pare::detail {

struct layer_parameters {
  row_major_matrix weights;       // [outputs, inputs]; those that the optimizer steps, before any constraint
  row_major_matrix log_variance;  // [outputs, inputs] of a variational layer, else empty
  Eigen::VectorXf bias;           // [outputs]
  Eigen::VectorXf levels;         // steps or levels of a quantizer, else empty
};

using parameters = std::vector<layer_parameters>;

// Calls visit(tensor...) for the tensors of one or more layers of the same shape.
template <class Visit, class... Layers>
void for_each_tensor(Visit&& visit, Layers&&... layers) {
  visit(layers.weights...);
  visit(layers.log_variance...);
  visit(layers.bias...);
  visit(layers.levels...);
}

template <std::same_as<parameters> Parameters>
Parameters zeros_like(const Parameters& shape) {
  Parameters zeros = shape;
  for (layer_parameters& layer : zeros) for_each_tensor([](auto& tensor) { tensor.setZero(); }, layer);
  return zeros;
}

}  // namespace pare::detail

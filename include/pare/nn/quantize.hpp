// A whole network quantized at once: the same options for every linear layer.
#pragma once

#include <concepts>

#include <Eigen/Core>

#include <pare/nn/network.hpp>
#include <pare/storage/unpack.hpp>
#include <pare/tensor/eigen.hpp>

namespace pare {

// The weights of a linear layer as floats [outputs, inputs]: what it multiplies with.
template <std::same_as<linear> Linear>
row_major_matrix dense_weights(const Linear& l) {
  row_major_matrix weights(l.outputs(), l.inputs());
  dequantize(l.weights(), weights);
  return weights;
}

// How many linear layers there are.
template <std::same_as<network> Network>
std::size_t linear_layers(const Network& net) {
  std::size_t count = 0;
  for (const any_layer& layer : net.layers()) count += std::holds_alternative<linear>(layer);
  return count;
}

// A network with make(i, l) in place of each linear layer l, the i-th layer of `net`; everything else is shared.
template <class Make>
network replace_linear(const network& net, Make&& make) {
  network result(net.inputs());
  for (std::size_t i = 0; i < net.layers().size(); ++i) {
    const auto* lin = std::get_if<linear>(&net.layers()[i]);
    result.add(lin != nullptr ? any_layer(make(i, *lin)) : net.layers()[i]);
  }
  return result;
}

// A network whose linear layers are `net`'s with pack(weights) in place of their packed weights; everything else is
// shared. `pack` takes a dense matrix [outputs, inputs] and returns a packed_matrix.
template <class Pack>
network repack(const network& net, Pack&& pack, precision inputs) {
  return replace_linear(net,
                        [&](std::size_t, const linear& l) { return linear(pack(dense_weights(l)), l.bias(), inputs); });
}

// Quantizes every linear layer with the same options. Errors as for quantize_codes and pack.
template <std::same_as<network> Network>
network quantize(const Network& net, const quantize_options& options = {}, encoding as = encoding::codes,
                 precision inputs = precision::int8) {
  return repack(
      net, [&](const auto& weights) { return quantize(weights, options, as); }, inputs);
}

}  // namespace pare

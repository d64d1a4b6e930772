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

// A network whose linear layers are `net`'s with pack(weights) in place of their packed weights; everything else is
// shared. `pack` takes a dense matrix [outputs, inputs] and returns a packed_matrix.
template <class Pack>
network repack(const network& net, Pack&& pack, precision inputs) {
  network result(net.inputs());
  for (const any_layer& l : net.layers()) {
    const auto* lin = std::get_if<linear>(&l);
    result.add(lin != nullptr ? any_layer(linear(pack(dense_weights(*lin)), lin->bias(), inputs)) : l);
  }
  return result;
}

// Quantizes every linear layer with the same options. Errors as for quantize_codes and pack.
template <std::same_as<network> Network>
network quantize(const Network& net, const quantize_options& options = {}, encoding as = encoding::codes,
                 precision inputs = precision::int8) {
  return repack(
      net, [&](const auto& weights) { return quantize(weights, options, as); }, inputs);
}

}  // namespace pare

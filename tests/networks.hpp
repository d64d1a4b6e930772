// Networks that tests of the engine and of files share: every way of storing weights, every kind of layer.
#pragma once

#include <string>
#include <vector>

#include <pare/nn/network.hpp>
#include <pare/quantize/codebook.hpp>
#include <pare/tensor/eigen.hpp>

#include "support.hpp"

struct stored_weights {
  std::string name;
  pare::packed_matrix weights;
};

// The same matrix in every encoding, scheme and kind of group, with odd widths among the bits.
inline std::vector<stored_weights> every_storage(const Eigen::MatrixXf& w) {
  std::vector<stored_weights> all{{"dense", pare::pack_dense(w)},
                                  {"bfloat16", pare::pack_dense(w, pare::float_format::bfloat16)}};
  const auto add = [&](const std::string& name, const pare::quantize_options& options, pare::encoding as) {
    all.push_back({name + ", " + std::to_string(options.bits) + " bits", pare::quantize(w, options, as)});
  };
  for (const int bits : {1, 3, 4, 7, 8}) {
    add("symmetric", {.bits = bits, .group_size = 16}, pare::encoding::codes);
    add("asymmetric", {.bits = bits, .scheme = pare::scheme::asymmetric, .group_size = 5}, pare::encoding::codes);
    add("two_level", {.bits = bits, .scheme = pare::scheme::two_level}, pare::encoding::codes);
    add("row", {.bits = bits, .granularity = pare::granularity::row}, pare::encoding::codes);
    if (bits > 1) add("bitmap", {.bits = bits, .group_size = 16}, pare::encoding::bitmap);
    if (bits > 1) add("sparse", {.bits = bits, .group_size = 16}, pare::encoding::sparse);
    if (bits > 1) add("very sparse", {.bits = bits, .group_size = 300}, pare::encoding::very_sparse);
  }
  all.push_back({"codebook, 4 bits", pare::quantize(w, pare::nf4(), {.group_size = 16})});
  all.push_back({"codebook, 3 bits", pare::quantize(w, pare::fit_codebook(w, {.bits = 3}), {.group_size = 16})});
  all.push_back({"bitmap of a codebook", pare::quantize(w, pare::nf4(), {.group_size = 16}, pare::encoding::bitmap)});
  return all;
}

// Gaussian weights of which about half are zero, so that bitmaps leave something out.
inline Eigen::MatrixXf half_zero(Eigen::Index rows, Eigen::Index cols, std::uint32_t seed) {
  return gaussian(rows, cols, seed).cwiseMax(0.0f);
}

// A network with every kind of layer: 21 inputs, 20 features, 3 outputs.
inline pare::network every_layer(pare::precision inputs) {
  using pare::linear;
  pare::network net(21);
  net.add(linear(pare::quantize(gaussian(20, 21, 1), {.bits = 4}), gaussian(20, 1, 2), inputs));
  for (const pare::activation function : pare::activations)
    if (function != pare::activation::softmax) net.add(function);
  net.add(pare::activation_layer(pare::activation::elu, 0.25f));
  net.add(pare::layer_norm(gaussian(20, 1, 3), gaussian(20, 1, 4)));
  net.add(linear(pare::pack_dense(gaussian(20, 20, 5)), inputs));
  net.add(pare::rms_norm(gaussian(20, 1, 6), 1e-6f));
  net.add(pare::residual{1});
  net.add(pare::residual{net.layers().size() - 2});
  net.add(linear(pare::quantize(half_zero(3, 20, 7), {.bits = 3}, pare::encoding::bitmap), inputs));
  net.add(pare::activation::softmax);
  return net;
}

// The outputs [outputs, batch] for inputs [inputs, batch].
inline Eigen::MatrixXf outputs_of(const pare::network& net, const Eigen::MatrixXf& x,
                                  pare::executor* threads = nullptr) {
  Eigen::MatrixXf y(net.outputs(), x.cols());
  pare::workspace room = net.workspace(x.cols());
  net.run(x, y, room, threads);
  return y;
}

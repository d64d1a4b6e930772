// A perceptron of 784-300-100-10 neurons, one sample at a time, with everything in the caches.
#pragma once

#include <pare/kernels/fastest.hpp>
#include <pare/prune/prune.hpp>
#include <pare/train/convert.hpp>

#include "problems.hpp"

namespace bench {

// y = W x + b is a product with one more column, of an input that is 1.
inline void require_close(const std::string& who, rounding rounds, const Eigen::VectorXf& bias,
                          const Eigen::VectorXf& x, const Eigen::VectorXf& y) {
  rounds.weights.conservativeResize(Eigen::NoChange, x.size() + 1);
  rounds.weights.rightCols(1) = bias;
  if (rounds.inputs.size() > 0) {
    rounds.inputs.conservativeResize(x.size() + 1, Eigen::NoChange);
    rounds.inputs.bottomRows(1).setOnes();
  }
  Eigen::VectorXf with_one(x.size() + 1);
  with_one << x, 1;
  require_close(who, rounds, with_one, y);
}

inline Eigen::VectorXf output_of(const pare::network& net, const Eigen::VectorXf& x) {
  Eigen::VectorXf y(net.outputs());
  pare::workspace room = net.workspace(1);
  net.run(x, y, room);
  return y;
}

// Checks every linear layer, with the inputs that it gets from those before it.
inline void require_close(const std::string& who, const pare::network& net, const Eigen::VectorXf& x) {
  pare::network before(net.inputs());
  for (const pare::any_layer& each : net.layers()) {
    const Eigen::VectorXf in = output_of(before, x);
    before.add(each);
    const auto* layer = std::get_if<pare::linear>(&each);
    if (layer == nullptr) continue;
    rounding rounds{.weights = dense_weights(*layer)};
    const pare::packed_format& format = layer->weights().format();
    if (format.encoding != pare::encoding::dense && layer->input_precision() == pare::precision::int8)
      rounds.inputs = rounded_inputs(in, format.group_size);
    const Eigen::VectorXf bias = Eigen::Map<const Eigen::VectorXf>(layer->bias().data(), layer->outputs());
    require_close(who, std::move(rounds), bias, in, output_of(before, x));
  }
}

inline void require_close(const std::string& who, const pare::mlp& model, const Eigen::VectorXf& x) {
  pare::mlp before;
  Eigen::VectorXf in = x;
  for (const pare::dense_layer& each : model.layers) {
    before.layers.push_back(each);
    before.layers.back().function = pare::activation::identity;
    require_close(who, {.weights = each.weights}, each.bias, in, eigen_mlp<1>(before).run(x));
    before.layers.back() = each;
    in = eigen_mlp<1>(before).run(x);
  }
}

inline double operations_of(const pare::mlp& model) {
  double sum = 0;
  for (const pare::dense_layer& each : model.layers)
    sum += 2.0 * static_cast<double>((each.weights.array() != 0).count());
  return sum;
}

inline void with_perceptron(const settings& how, report& into) {
  pare::mlp model = pare::make_mlp({784, 300, 100, 10}, 1);
  const Eigen::VectorXf x = random_matrix(784, 1, 2);
  contest all("784-300-100-10, batch 1", how, into);
  const std::vector<entry> cache = add_cache(all);
  const entry multiply_adds = add_multiply_adds(all);
  const product_peaks products = add_products(all);
  const auto add = [&](const std::string& name, const pare::network& net, entry peak) {
    require_close("pare " + name, net, x);
    const auto room = std::make_shared<pare::workspace>(net.workspace(1));
    const auto y = std::make_shared<Eigen::VectorXf>(net.outputs());
    return all.add(name,
                   {.library = "pare",
                    .timed = {[=, &x] { net.run(x, *y, *room); }},
                    .bytes = static_cast<double>(net.bytes()),
                    .operations = operations_of(model)},
                   {cache, peak});
  };
  require_close("Eigen f32", model, x);
  const entry eigen = all.add("f32",
                              {.library = "Eigen",
                               .timed = {[&x, mlp = std::make_shared<eigen_mlp<1>>(model)] { mlp->run(x); }},
                               .bytes = operations_of(model) / 2 * sizeof(float),
                               .operations = operations_of(model)},
                              {cache, multiply_adds});
  add("32 bits", to_network(model), multiply_adds);
  add("8 bits, groups of 32", quantize(to_network(model), grouped(8, 32)), products.wide);
  const entry four = add("4 bits, groups of 32", quantize(to_network(model), grouped(4, 32)), products.narrow);
  const entry per_row = add("4 bits, per row", quantize(to_network(model), grouped(4, 784)), products.narrow);
  for (pare::dense_layer& layer : model.layers) prune(layer.weights, pare::sparsity{0.9});
  const auto fastest = [](const auto& weights) {
    return pack_fastest(quantize_codes(weights, grouped(4, 784))).matrix;
  };
  const entry sparse = add("4 bits, 90 % zeros, fastest encoding",
                           repack(to_network(model), fastest, pare::precision::int8), products.narrow);
  all.run(100);
  for (const entry each : {four, per_row}) {
    all.microseconds(each, 2.2);
    all.times_as_fast(each, eigen, 4.5);
  }
  all.microseconds(sparse, 1.5);
  all.times_as_fast(sparse, eigen, 6);
}

}  // namespace bench

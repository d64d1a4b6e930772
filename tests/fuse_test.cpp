// Layers without an activation between them become one.
#include <pare/train/fuse.hpp>

#include "catch.hpp"
#include "perceptrons.hpp"
#include "support.hpp"

using pare::activation;
using pare::index_t;

namespace {

pare::dense_layer identity_layer(index_t width, activation function) {
  return {Eigen::MatrixXf::Identity(width, width), Eigen::VectorXf::Zero(width), function};
}

}  // namespace

TEST_CASE("layers in a row become their product, exactly where that is exact") {
  const pare::mlp model{{whole_layer(6, 9, 1, activation::identity), whole_layer(7, 6, 2, activation::identity),
                         whole_layer(8, 7, 3, activation::relu), whole_layer(5, 8, 4, activation::identity),
                         whole_layer(4, 5, 5, activation::identity)}};
  const Eigen::MatrixXf x = whole_numbers(9, 30, 6);
  const pare::fused_mlp result = pare::fuse(model, {.allow_larger = true, .samples = x});
  REQUIRE(result.model.layers.size() == 2);
  CHECK(result.model.layers[0].weights.rows() == 8);
  CHECK(result.model.layers[0].weights.cols() == 9);
  CHECK(result.model.layers[0].function == activation::relu);
  CHECK(pare::forward(result.model, x) == pare::forward(model, x));
  CHECK(result.outputs.largest == 0);
  CHECK(result.outputs.magnitude > 0);
}

TEST_CASE("a product is rounded once") {
  pare::mlp model = pare::make_mlp({9, 8, 7, 3}, 1);
  for (pare::dense_layer& layer : model.layers) layer.bias = gaussian(layer.outputs(), 1, 2);
  model.layers[0].function = activation::identity;
  const Eigen::MatrixXf x = gaussian(9, 20, 3);
  const pare::fused_mlp result = pare::fuse(model, {.samples = x});
  REQUIRE(result.model.layers.size() == 2);
  const auto layers = to_double(model);
  const Eigen::MatrixXd product = layers[1].weights * layers[0].weights;
  const Eigen::MatrixXd bound = 0x1p-23 * layers[1].weights.cwiseAbs() * layers[0].weights.cwiseAbs();
  CHECK(((result.model.layers[0].weights.cast<double>() - product).cwiseAbs().array() <= bound.array()).all());
  const double largest = forward_bound(layers, x.cast<double>()).maxCoeff();
  CHECK(result.outputs.largest <= 2 * largest);
}

TEST_CASE("factors with fewer weights than their product stay apart unless told otherwise") {
  const pare::mlp model{{whole_layer(2, 10, 1, activation::identity), whole_layer(10, 2, 2, activation::relu)}};
  CHECK(pare::fuse(model).model.layers.size() == 2);
  const pare::fused_mlp larger = pare::fuse(model, {.allow_larger = true});
  CHECK(larger.model.layers.size() == 1);
  CHECK(larger.model.layers[0].weights == model.layers[1].weights * model.layers[0].weights);
}

TEST_CASE("a product may make another one smaller") {
  const pare::mlp model{{whole_layer(2, 10, 1, activation::identity), whole_layer(10, 2, 2, activation::identity),
                         whole_layer(2, 10, 3, activation::tanh)}};
  const pare::fused_mlp result = pare::fuse(model);
  CHECK(result.model.layers.size() == 1);
  CHECK(result.model.layers[0].weights ==
        model.layers[2].weights * (model.layers[1].weights * model.layers[0].weights));
}

TEST_CASE("layers that do nothing are left out, and no bit of the outputs changes") {
  pare::mlp model = pare::make_mlp({6, 5, 3}, 4);
  const Eigen::MatrixXf x = gaussian(6, 25, 5);
  model.layers[1].bias = gaussian(3, 1, 6);
  pare::mlp longer = model;
  auto& layers = longer.layers;
  layers.insert(layers.begin() + 1, {identity_layer(5, activation::relu), identity_layer(5, activation::identity)});
  layers.insert(layers.begin(), identity_layer(6, activation::identity));
  layers.push_back(identity_layer(3, activation::identity));
  const pare::fused_mlp result = pare::fuse(longer, {.samples = x});
  REQUIRE(result.model.layers.size() == 2);
  CHECK(pare::forward(result.model, x) == pare::forward(longer, x));
  CHECK(result.outputs.largest == 0);
  for (std::size_t i = 0; i < 2; ++i) CHECK(result.model.layers[i].weights == model.layers[i].weights);
}

TEST_CASE("identity matrices that do something stay") {
  const auto layers = [](const std::vector<pare::dense_layer>& all) {
    return pare::fuse(pare::mlp{all}).model.layers.size();
  };
  const pare::dense_layer tanh = whole_layer(4, 4, 1, activation::tanh);
  CHECK(layers({identity_layer(4, activation::relu), tanh}) == 2);
  CHECK(layers({tanh, identity_layer(4, activation::relu)}) == 2);
  CHECK(layers({tanh, identity_layer(4, activation::tanh)}) == 2);
  CHECK(layers({identity_layer(4, activation::identity)}) == 1);
  CHECK(layers({identity_layer(4, activation::identity), identity_layer(4, activation::identity)}) == 1);
  pare::dense_layer biased = identity_layer(4, activation::identity);
  biased.bias[2] = 1e-30f;
  CHECK(layers({tanh, biased}) == 2);
}

TEST_CASE("a product beyond float is refused") {
  pare::dense_layer large = identity_layer(3, activation::identity);
  large.weights *= 1e30f;
  CHECK(error_message<pare::value_error>([&] {
          pare::fuse(pare::mlp{{large, large}});
        }) == "mlp: layer 0 weights[0, 0] is inf, must be finite");
}

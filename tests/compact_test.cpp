// Taking out neurons and inputs that pruning has left without weights.
#include <pare/train/compact.hpp>

#include <limits>

#include "catch.hpp"
#include "perceptrons.hpp"
#include "support.hpp"

using pare::activation;
using pare::index_t;
using numbers = std::vector<index_t>;

namespace {

// Four layers of whole numbers, 10 inputs, 8, 7 and 6 neurons, 3 outputs, without a row or a column of zeros.
pare::mlp three_layers(activation function) {
  pare::mlp model{{whole_layer(8, 10, 1, function), whole_layer(7, 8, 2, function), whole_layer(6, 7, 3, function),
                   whole_layer(3, 6, 4, activation::identity)}};
  for (pare::dense_layer& layer : model.layers) {
    layer.weights.row(0).setOnes();
    layer.weights.col(0).setOnes();
  }
  return model;
}

}  // namespace

TEST_CASE("neurons that are constant or unused go, and whole numbers give the same outputs") {
  const auto function = GENERATE(activation::relu, activation::identity);
  pare::mlp model = three_layers(function);
  model.layers[0].weights.row(3).setZero();  // constant
  model.layers[0].bias[3] = 2;
  model.layers[1].weights.col(5).setZero();  // unused
  model.layers[2].weights.row(0).setZero();
  model.layers[2].bias[0] = -3;
  const Eigen::MatrixXf x = whole_numbers(10, 50, 5);
  const pare::compacted_mlp result = pare::compact(model, x);
  CHECK(result.kept == std::vector<numbers>{{0, 1, 2, 4, 6, 7}, {0, 1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 5}});
  CHECK(pare::forward(result.model, x) == pare::forward(model, x));
  CHECK(result.outputs.largest == 0);
  CHECK(result.outputs.magnitude > 0);
  CHECK(result.model.layers[0].weights.rows() == 6);
  CHECK(result.model.layers[1].weights.cols() == 6);
  CHECK(result.model.layers[2].weights.rows() == 5);
  CHECK(result.live_inputs.size() == 10);
}

TEST_CASE("a constant makes others constant, and an unused neuron makes others unused") {
  pare::mlp model = three_layers(activation::relu);
  model.layers[0].weights.row(3).setZero();
  model.layers[1].weights.row(2).setZero();
  model.layers[1].weights(2, 3) = 2;  // uses nothing but a constant
  model.layers[3].weights.col(4).setZero();
  model.layers[2].weights.col(6).setZero();
  model.layers[2].weights(4, 6) = 1;  // the only one to use it is not used
  model.layers[1].weights.col(7).setZero();
  model.layers[1].weights(6, 7) = 1;  // and so on
  model.layers[0].weights.col(9).setZero();
  model.layers[0].weights(7, 9) = 1;
  const Eigen::MatrixXf x = whole_numbers(10, 50, 5);
  const pare::compacted_mlp result = pare::compact(model, x);
  CHECK(result.kept == std::vector<numbers>{{0, 1, 2, 4, 5, 6}, {0, 1, 3, 4, 5}, {0, 1, 2, 3, 5}});
  CHECK(result.live_inputs == numbers{0, 1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(result.outputs.largest == 0);
  const pare::compacted_mlp again = pare::compact(result.model, x);
  CHECK(again.kept == std::vector<numbers>{{0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}});
}

TEST_CASE("every activation of a constant goes into the next bias") {
  const auto function =
      GENERATE(activation::identity, activation::relu, activation::leaky_relu, activation::sigmoid, activation::tanh);
  pare::mlp model = pare::make_mlp({20, 30, 10}, 1);
  model.layers[0].function = function;
  model.layers[0].bias = gaussian(30, 1, 2);
  for (const index_t j : {0, 7, 29}) model.layers[0].weights.row(j).setZero();
  const Eigen::MatrixXf x = gaussian(20, 40, 3);
  const pare::compacted_mlp result = pare::compact(model, x);
  CHECK(result.kept[0].size() == 27);
  const auto layers = to_double(model), fewer = to_double(result.model);
  const Eigen::MatrixXd bound = forward_bound(layers, x.cast<double>());
  const Eigen::MatrixXd change = double_outputs(layers, x.cast<double>()) - double_outputs(fewer, x.cast<double>());
  CHECK((change.cwiseAbs().array() <= bound.array()).all());
  CHECK(result.outputs.largest <= 2 * bound.maxCoeff());
}

TEST_CASE("a network that is constant keeps one neuron per layer and no live inputs") {
  pare::mlp model = three_layers(activation::sigmoid);
  model.layers[2].weights.setZero();
  const Eigen::MatrixXf x = whole_numbers(10, 50, 5);
  const pare::compacted_mlp result = pare::compact(model, x);
  CHECK(result.kept == std::vector<numbers>{{0}, {0}, {0}});
  CHECK(result.live_inputs.empty());
  CHECK(result.outputs.relative() <= 6 * 0x1p-22);
  CHECK((pare::forward(result.model, x).colwise() - result.model.layers[3].bias).isZero(0));
  const pare::trimmed_mlp trimmed = pare::remove_dead_inputs(result.model, x);
  CHECK(trimmed.kept == numbers{0});
  CHECK(trimmed.outputs.largest == 0);
}

TEST_CASE("a network with nothing to take out stays as it is") {
  const pare::mlp model = pare::make_mlp({6, 5, 3}, 1);
  const pare::compacted_mlp result = pare::compact(model);
  CHECK(result.kept == std::vector<numbers>{{0, 1, 2, 3, 4}});
  CHECK(result.live_inputs == numbers{0, 1, 2, 3, 4, 5});
  CHECK(result.outputs.largest == 0);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(result.model.layers[i].weights == model.layers[i].weights);
    CHECK(result.model.layers[i].bias == model.layers[i].bias);
  }
  CHECK(pare::compact(pare::make_mlp({4, 3}, 1)).kept.empty());
}

TEST_CASE("inputs without weights go, and samples with them") {
  pare::mlp model = three_layers(activation::relu);
  for (const index_t input : {0, 4, 9}) model.layers[0].weights.col(input).setZero();
  const pare::dataset data{whole_numbers(10, 50, 5), std::vector<int>(50), 3, "whole numbers"};
  const pare::trimmed_mlp result = pare::remove_dead_inputs(model, data.inputs);
  CHECK(result.kept == numbers{1, 2, 3, 5, 6, 7, 8});
  CHECK(result.model.layers[0].weights.cols() == 7);
  CHECK(result.outputs.largest == 0);
  CHECK(pare::forward(result.model, pare::select_features(data, result.kept).inputs) ==
        pare::forward(model, data.inputs));
}

TEST_CASE("a bias that compaction would make larger than any float is refused") {
  pare::mlp model = three_layers(activation::relu);
  model.layers[0].weights.row(1).setZero();
  model.layers[0].bias[1] = std::numeric_limits<float>::max();
  model.layers[1].weights(0, 1) = 2;
  CHECK(error_message<pare::value_error>([&] { pare::compact(model); }) ==
        "mlp: layer 1 bias[0, 0] is inf, must be finite");
}

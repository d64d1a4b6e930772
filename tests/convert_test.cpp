// From a trained perceptron to a network and back, and a network quantized as a whole.
#include <pare/train/convert.hpp>

#include "catch.hpp"
#include "networks.hpp"

using pare::activation;

namespace {

pare::mlp some_mlp() {
  pare::mlp model;
  const Eigen::Index widths[] = {9, 20, 7, 4};
  const activation functions[] = {activation::relu, activation::relu, activation::identity};
  for (std::uint32_t i = 0; i < 3; ++i)
    model.layers.push_back({gaussian(widths[i + 1], widths[i], i), gaussian(widths[i + 1], 1, i + 10), functions[i]});
  return model;
}

}  // namespace

TEST_CASE("a network made of a perceptron computes the same function") {
  const pare::mlp model = some_mlp();
  const Eigen::MatrixXf x = gaussian(9, 6, 20);
  const Eigen::MatrixXf y = outputs_of(pare::to_network(model), x);
  // In double precision, with what float may have lost so far: a sum of n products and a bias rounds n + 3 times.
  Eigen::MatrixXd value = x.cast<double>(), error = Eigen::MatrixXd::Zero(x.rows(), x.cols());
  for (const pare::dense_layer& l : model.layers) {
    const Eigen::MatrixXd w = l.weights.cast<double>();
    const Eigen::VectorXd b = l.bias.cast<double>();
    const Eigen::MatrixXd magnitude = (w.cwiseAbs() * (value.cwiseAbs() + error)).colwise() + b.cwiseAbs();
    error = w.cwiseAbs() * error + static_cast<double>(w.cols() + 3) * 0x1.02p-24 * magnitude;
    value = (w * value).colwise() + b;
    if (l.function == activation::relu) value = value.cwiseMax(0.0);
  }
  CHECK(((y.cast<double>() - value).array().abs() <= error.array()).all());
}

TEST_CASE("a perceptron made of a network of a perceptron has the same weights") {
  const pare::mlp model = some_mlp();
  const pare::mlp again = pare::to_mlp(pare::to_network(model));
  REQUIRE(again.layers.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(again.layers[i].weights == model.layers[i].weights);
    CHECK(again.layers[i].bias == model.layers[i].bias);
    CHECK(again.layers[i].function == model.layers[i].function);
  }
}

TEST_CASE("a perceptron made of a quantized network has the weights that it multiplies with") {
  const pare::network net = pare::quantize(pare::to_network(some_mlp()), {.bits = 3});
  const pare::mlp model = pare::to_mlp(net);
  Eigen::MatrixXf expected(20, 9);
  pare::dequantize(pare::quantize_codes(some_mlp().layers[0].weights, {.bits = 3}), expected);
  CHECK(model.layers[0].weights == expected);
}

TEST_CASE("what cannot be trained is not made a perceptron") {
  const auto message = [](const pare::network& net) {
    return error_message<pare::value_error>([&] { pare::to_mlp(net); });
  };
  const auto weights = pare::pack_dense(gaussian(4, 4, 1));
  pare::network net(4);
  net.add(activation::relu);
  CHECK(message(net).find("layer 0 is not part of a perceptron") == 0);
  net = pare::network(4);
  net.add(pare::linear(weights)).add(activation::relu).add(activation::relu);
  CHECK(message(net).find("layer 2 is not part of a perceptron") == 0);
  net = pare::network(4);
  net.add(pare::linear(weights)).add(pare::residual{0});
  CHECK(message(net).find("layer 1 is not part of a perceptron") == 0);
  net = pare::network(4);
  net.add(pare::linear(weights)).add(pare::activation_layer(activation::leaky_relu, 0.5f));
  CHECK(message(net).find("layer 1 is not part of a perceptron") == 0);
}

TEST_CASE("quantizing a network quantizes its linear layers and leaves the others") {
  const pare::network net = every_layer(pare::precision::float32);
  const pare::network small = pare::quantize(net, {.bits = 5}, pare::encoding::bitmap);
  REQUIRE(small.layers().size() == net.layers().size());
  for (std::size_t i = 0; i < net.layers().size(); ++i) {
    REQUIRE(small.layers()[i].index() == net.layers()[i].index());
    const auto* l = std::get_if<pare::linear>(&small.layers()[i]);
    if (l == nullptr) continue;
    const auto& before = std::get<pare::linear>(net.layers()[i]);
    CHECK(l->weights().format().encoding == pare::encoding::bitmap);
    CHECK(l->weights().format().bits == 5);
    CHECK(l->input_precision() == pare::precision::int8);
    CHECK(std::ranges::equal(l->bias(), before.bias()));
    Eigen::MatrixXf expected(before.outputs(), before.inputs());
    pare::dequantize(pare::quantize_codes(pare::dense_weights(before), {.bits = 5}), expected);
    CHECK(pare::dense_weights(*l) == expected);
  }
}

TEST_CASE("dense weights of a layer are those that it multiplies with") {
  const Eigen::MatrixXf w = gaussian(5, 7, 1);
  CHECK(pare::dense_weights(pare::linear(pare::pack_dense(w))) == w);
}

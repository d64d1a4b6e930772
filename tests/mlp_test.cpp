// The multi-layer perceptron and its gradients against double precision and central differences.
#include <pare/train/gradient.hpp>
#include <pare/train/loss.hpp>

#include <limits>

#include "catch.hpp"
#include "perceptrons.hpp"
#include "support.hpp"

using pare::activation;
using pare::index_t;

namespace {

constexpr double float_eps = std::numeric_limits<float>::epsilon();

double oracle_loss(const std::vector<double_layer>& layers, const Eigen::MatrixXd& x, const std::vector<int>& labels) {
  const Eigen::MatrixXd logits = double_outputs(layers, x);
  double sum = 0;
  for (index_t j = 0; j < x.cols(); ++j)
    sum += std::log(logits.col(j).array().exp().sum()) - logits(labels[static_cast<std::size_t>(j)], j);
  return sum / static_cast<double>(x.cols());
}

pare::mlp make_model(activation hidden) {
  pare::mlp model = pare::make_mlp({4, 6, 5, 3}, 11);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    model.layers[i].bias = 0.5f * gaussian(model.layers[i].outputs(), 1, static_cast<std::uint32_t>(i) + 20);
    if (i + 1 < model.layers.size()) model.layers[i].function = hidden;
  }
  return model;
}

// Roundings on the way through the network, forth and back: the terms of every sum and a few for each function.
constexpr double roundings = 2 * (4 + 6 + 5 + 3 * 8);

}  // namespace

TEST_CASE("forward is f(W x + b), layer by layer") {
  const auto hidden =
      GENERATE(activation::identity, activation::relu, activation::leaky_relu, activation::sigmoid, activation::tanh);
  const pare::mlp model = make_model(hidden);
  const auto layers = to_double(model);
  const Eigen::MatrixXf x = gaussian(4, 9, 1);
  const Eigen::MatrixXd expected = double_outputs(layers, x.cast<double>());
  const Eigen::MatrixXd bound = roundings * float_eps * magnitudes(layers, x.cast<double>()).back();
  CHECK(((pare::forward(model, x).cast<double>() - expected).cwiseAbs().array() <= bound.array()).all());
}

TEST_CASE("backpropagation gives the gradient of central differences") {
  const auto hidden =
      GENERATE(activation::identity, activation::relu, activation::leaky_relu, activation::sigmoid, activation::tanh);
  const pare::mlp model = make_model(hidden);
  const Eigen::MatrixXf x = gaussian(4, 9, 2);
  const std::vector<int> labels = {0, 1, 2, 0, 1, 2, 0, 1, 2};
  pare::backpropagation pass(model, 16);
  pass.inputs.leftCols(9) = x;
  pass.forward(model, 9);
  pare::softmax_cross_entropy(pass.logits(9), labels, pass.logit_gradient(9));
  pass.backward(model, 9);

  auto layers = to_double(model);
  const auto inputs = magnitudes(layers, x.cast<double>());
  // Errors of the logits double in the softmax; those of a layer's output double in the derivative.
  Eigen::MatrixXd delta = (1 + 2 * inputs.back().array()) / 9;
  const double h = 1e-6;
  const auto slope_error = [&](double& parameter, float gradient) {
    const double kept = parameter;
    parameter = kept + h;
    const double above = oracle_loss(layers, x.cast<double>(), labels);
    parameter = kept - h;
    const double below = oracle_loss(layers, x.cast<double>(), labels);
    parameter = kept;
    return std::abs(static_cast<double>(gradient) - (above - below) / (2 * h));
  };
  const double difference_error = 1e-8;  // 2^-52 f / h and h^2 f''' with f and f''' below 10
  for (std::size_t l = layers.size(); l-- > 0;) {
    const Eigen::MatrixXd weight_bound = delta * inputs[l].transpose();
    for (index_t i = 0; i < layers[l].weights.rows(); ++i) {
      for (index_t k = 0; k < layers[l].weights.cols(); ++k)
        CHECK(slope_error(layers[l].weights(i, k), pass.gradients[l].weights(i, k)) <=
              roundings * float_eps * weight_bound(i, k) + difference_error);
      CHECK(slope_error(layers[l].bias(i), pass.gradients[l].bias(i)) <=
            roundings * float_eps * delta.row(i).sum() + difference_error);
    }
    delta = ((layers[l].weights.cwiseAbs().transpose() * delta).array() * (1 + 2 * inputs[l].array())).eval();
  }
}

TEST_CASE("the gradient of no samples is zero") {
  const pare::mlp model = make_model(activation::relu);
  pare::backpropagation pass(model, 4);
  pass.gradients[0].weights.setConstant(7.0f);
  pass.gradients[0].bias.setConstant(7.0f);
  pass.forward(model, 0);
  pass.backward(model, 0);
  for (const auto& gradient : pass.gradients) {
    CHECK((gradient.weights.array() == 0.0f).all());
    CHECK((gradient.bias.array() == 0.0f).all());
  }
}

TEST_CASE("a new network has He's variance, no biases, relu between its layers, and follows its seed") {
  const pare::mlp model = pare::make_mlp({784, 300, 10}, 5);
  REQUIRE(model.layers.size() == 2);
  CHECK(model.layers[0].function == activation::relu);
  CHECK(model.layers[1].function == activation::identity);
  CHECK(model.layers[0].weights.rows() == 300);
  CHECK(model.layers[0].weights.cols() == 784);
  for (const pare::dense_layer& layer : model.layers) {
    const double n = static_cast<double>(layer.weights.size());
    const double variance = layer.weights.cast<double>().squaredNorm() / n;
    const double wanted = 2.0 / static_cast<double>(layer.inputs());
    // Squares of uniform numbers spread by sqrt(4/5) of their mean; six standard errors.
    CHECK(std::abs(variance - wanted) <= 6 * wanted * std::sqrt(0.8 / n));
    CHECK(layer.bias == Eigen::VectorXf::Zero(layer.outputs()));
  }
  CHECK(pare::make_mlp({784, 300, 10}, 5).layers[0].weights == model.layers[0].weights);
  CHECK(pare::make_mlp({784, 300, 10}, 6).layers[0].weights != model.layers[0].weights);
}

TEST_CASE("predict takes the largest logit and the lowest class of equals, error_rate counts the misses") {
  pare::mlp model;
  model.layers.push_back({Eigen::Matrix3f::Identity(), Eigen::Vector3f::Zero(), activation::identity});
  pare::dataset data{Eigen::MatrixXf(3, 4), {0, 2, 1, 2}, 3, "four"};
  data.inputs << 5, 1, 2, 0,  //
      1, 1, 2, 0,             //
      2, 3, 1, 0;
  CHECK(pare::predict(model, data.inputs) == std::vector{0, 2, 0, 0});
  CHECK(pare::error_rate(model, data) == 0.5);
  CHECK_THROWS_AS(pare::error_rate(model, pare::first(data, 0)), pare::value_error);
  const pare::dataset regression{data.inputs, {}, 0, "four", data.inputs};
  CHECK(error_message<pare::value_error>([&] { pare::error_rate(model, regression); }) ==
        "four: has targets, labels are needed");
}

TEST_CASE("predict treats every sample of a long batch alike") {
  const pare::mlp model = make_model(activation::tanh);
  const Eigen::MatrixXf x = gaussian(4, 1100, 3);
  const std::vector<int> predicted = pare::predict(model, x);
  REQUIRE(predicted.size() == 1100);
  for (const index_t j : {0, 511, 512, 1023, 1024, 1099})
    CHECK(pare::predict(model, x.col(j)).front() == predicted[static_cast<std::size_t>(j)]);
}

TEST_CASE("a network that cannot be is refused") {
  const auto message = [](auto&& spoil) {
    pare::mlp model = make_model(activation::relu);
    spoil(model.layers);
    return error_message([&] { pare::forward(model, Eigen::MatrixXf::Zero(4, 1)); });
  };
  using layers = std::vector<pare::dense_layer>;
  CHECK(message([](layers& l) { l.clear(); }) == "mlp: no layers, at least 1 is needed");
  CHECK(message([](layers& l) { l[1].weights.resize(5, 7); }) == "mlp: layer 1 takes 7 inputs, layer 0 gives 6");
  CHECK(message([](layers& l) { l[2].bias.resize(2); }) == "mlp: layer 2 has 3 outputs but 2 biases");
  CHECK(message([](layers& l) { l[0].weights.resize(0, 4); }) == "mlp: layer 0 is [0, 4], must not be empty");
  CHECK(message([](layers& l) { l[1].weights(2, 3) = std::numeric_limits<float>::infinity(); }) ==
        "mlp: layer 1 weights[2, 3] is inf, must be finite");
  CHECK(error_message<pare::shape_error>([] {
          pare::forward(make_model(activation::relu), Eigen::MatrixXf::Zero(3, 1));
        }) == "mlp: samples have 3 features, the first layer takes 4");
  CHECK(error_message<pare::value_error>([] { pare::make_mlp({4}, 1); }) == "mlp: 1 widths, at least 2 are needed");
  CHECK(error_message<pare::value_error>([] { pare::make_mlp({4, 0, 2}, 1); }) == "mlp: width 0 is below 1");
}

TEST_CASE("an activation that cannot be trained is refused by name") {
  for (const activation function : pare::activations) {
    pare::mlp model = make_model(function);
    const std::string message = error_message<pare::value_error>([&] { pare::validate(model); });
    if (pare::is_trainable(function))
      CHECK(message.empty());
    else
      CHECK(message == pare::detail::text("mlp: layer 0 has activation ", pare::name(function),
                                          ", must be identity, relu, leaky_relu, sigmoid or tanh"));
  }
}

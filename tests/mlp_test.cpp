// The multi-layer perceptron against double precision.
#include <pare/train/convert.hpp>
#include <pare/train/evaluate.hpp>

#include "catch.hpp"
#include "perceptrons.hpp"

using pare::activation;
using pare::index_t;

namespace {

template <class Model>
Model converted(const pare::mlp& model) {
  if constexpr (std::is_same_v<Model, pare::network>)
    return pare::to_network(model);
  else
    return model;
}

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

TEMPLATE_TEST_CASE("predict takes the largest logit and the lowest class of equals, error_rate counts the misses", "",
                   pare::mlp, pare::network) {
  pare::mlp same;
  same.layers.push_back({Eigen::Matrix3f::Identity(), Eigen::Vector3f::Zero(), activation::identity});
  const TestType model = converted<TestType>(same);
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
  const Eigen::MatrixXf logits = pare::logits_of(model, data.inputs);
  CHECK(pare::error_rate(logits, data.labels) == 0.5);
  CHECK(pare::error_rate(Eigen::MatrixXf::Constant(2, 4, NAN).eval(), std::vector<int>{0, 0, 1, 1}) == 1);
  CHECK(error_message<pare::value_error>([&] { pare::error_rate(logits, std::vector<int>{}); }) ==
        "there are no labels, at least 1 is needed");
  CHECK(error_message<pare::shape_error>([&] {
          pare::error_rate(logits, {0, 1});
        }) == "logits are of 4 samples, there are 2 labels");
}

TEST_CASE("nonzero_weights counts over all layers, biases not") {
  pare::mlp model = pare::make_mlp({3, 2, 2}, 1);
  CHECK(pare::nonzero_weights(model) == 10);
  model.layers[0].weights.row(1).setZero();
  model.layers[1].weights(0, 0) = -0.0f;
  model.layers[1].bias.setOnes();
  CHECK(pare::nonzero_weights(model) == 6);
}

TEST_CASE("predict treats every sample of a long batch alike") {
  const pare::mlp model = make_model(activation::tanh);
  const Eigen::MatrixXf x = gaussian(4, 1100, 3);
  const std::vector<int> predicted = pare::predict(model, x);
  REQUIRE(predicted.size() == 1100);
  for (const index_t j : {0, 255, 256, 1023, 1024, 1099})
    CHECK(pare::predict(model, Eigen::MatrixXf(x.col(j))).front() == predicted[static_cast<std::size_t>(j)]);
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

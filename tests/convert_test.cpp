// From a trained perceptron to a network and back, and a network quantized as a whole.
#include <pare/train/convert.hpp>
#include <pare/train/trainer.hpp>

#include "catch.hpp"
#include "networks.hpp"
#include "training_runs.hpp"

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

TEST_CASE("a perceptron trained to be quantized is packed as exactly its weights, inputs rounded as they were") {
  const auto as = GENERATE(pare::encoding::codes, pare::encoding::bitmap, pare::encoding::sparse);
  const pare::index_t group = GENERATE(0, 8);
  const pare::dataset data = make_clouds(100);
  std::vector<pare::weight_constraint> constraints(3);
  constraints[0] = {.quantizer = pare::learned_step{.levels = 1}, .inputs = pare::input_quantizer{group}};
  constraints[1] = {.quantizer = pare::learned_step{.levels = 7, .per_row = true},
                    .inputs = pare::input_quantizer{group}};
  constraints[2] = {.quantizer = pare::learned_codebook{.levels = 6}, .inputs = pare::input_quantizer{group}};
  constraints[1].kept = ~pare::mask(9, 20);
  for (pare::index_t i = 0; i < 9; ++i) constraints[1].kept.set(i, i, false);
  pare::trainer run(pare::make_mlp({3, 20, 9, 3}, 1), data,
                    {.epochs = 8, .batch_size = 16, .learning_rate = 0.01, .constraints = constraints});
  run.run();
  const pare::mlp model = run.model();
  CHECK(pare::error_rate(model, data) < 0.15);
  const pare::network net = pare::to_network(model, run.quantization(), as);
  const int bits[] = {2, 4, 3};
  for (std::size_t l = 0, layer = 0; l < 3; ++l, layer += 2) {
    const auto& packed = std::get<pare::linear>(net.layers()[layer]);
    CHECK(packed.weights().format().bits == bits[l]);
    CHECK(pare::dense_weights(packed) == model.layers[l].weights);
    CHECK(packed.input_precision() == pare::precision::int8);
  }
  for (pare::index_t i = 0; i < 9; ++i) CHECK(model.layers[1].weights(i, i) == 0.0f);

  // What the engine gives, against sums in double precision of the same weights and inputs rounded by the same rule. An
  // input that lies next to the middle between two codes may be rounded the other way: a unit of its scale.
  const Eigen::MatrixXf y = outputs_of(net, data.inputs);
  Eigen::MatrixXf x = data.inputs;
  Eigen::MatrixXd error = Eigen::MatrixXd::Zero(x.rows(), x.cols());
  const double eps = std::numeric_limits<float>::epsilon();
  for (const pare::dense_layer& layer : model.layers) {
    const Eigen::MatrixXd scale = Eigen::MatrixXd::Constant(x.rows(), x.cols(), 1 / 127.0).array().rowwise() *
                                  x.cast<double>().cwiseAbs().colwise().maxCoeff().array();
    pare::detail::round_inputs({group}, x);
    const Eigen::MatrixXd w = layer.weights.cast<double>().cwiseAbs();
    const Eigen::MatrixXd flips = (error.array() > 0).select(2 * error.array() + scale.array(), 0.0);
    const Eigen::MatrixXd size = (w * x.cast<double>().cwiseAbs()).colwise() + layer.bias.cast<double>().cwiseAbs();
    error = w * flips + static_cast<double>(w.cols() + 3) * eps * size;
    Eigen::MatrixXf next = (layer.weights * x).colwise() + layer.bias;
    if (layer.function == activation::relu) next = next.cwiseMax(0.0f).eval();
    x = next;
  }
  CHECK(((y - x).cast<double>().array().abs() <= error.array()).all());
  if (as == pare::encoding::codes) {  // in the first layer nothing is flipped: only its sums are rounded
    const pare::mlp first{{model.layers[0]}};
    const pare::network one = pare::to_network(first, {run.quantization()[0]});
    Eigen::MatrixXf rounded = data.inputs;
    pare::detail::round_inputs({group}, rounded);
    const Eigen::MatrixXd w = first.layers[0].weights.cast<double>(), b = first.layers[0].bias.cast<double>();
    const Eigen::MatrixXd exact = (w * rounded.cast<double>()).colwise() + Eigen::VectorXd(b);
    const Eigen::MatrixXd size =
        (w.cwiseAbs() * rounded.cast<double>().cwiseAbs()).colwise() + Eigen::VectorXd(b.cwiseAbs());
    const Eigen::MatrixXd got = outputs_of(one, data.inputs).cast<double>();
    CHECK(((got - exact.cwiseMax(0.0)).array().abs() <= 8 * eps * size.array()).all());
  }
}

TEST_CASE("weights that are not their levels are not packed as them") {
  pare::mlp model = pare::make_mlp({3, 2}, 1);
  const auto message = [&](const std::vector<pare::layer_quantization>& q) {
    return error_message([&] { pare::to_network(model, q); });
  };
  CHECK(message({}) == "to_network: 0 quantizations for 1 layers");
  CHECK(message({{pare::learned_step{3}, Eigen::VectorXf::Ones(2)}}) == "the layer has 2 steps, must be 1");
  CHECK(message({{pare::learned_codebook{4}, Eigen::VectorXf::Ones(2)}}) == "the layer has 2 levels, must be 4");
  model.layers[0].weights.setConstant(2.0f);
  model.layers[0].weights(1, 2) = 4.0f;
  CHECK(message({{pare::learned_step{3}, Eigen::VectorXf::Ones(1)}}) ==
        "weights[1, 2] is 4, not a multiple of its step 1 up to 3");
  CHECK(message({{pare::learned_codebook{2}, Eigen::VectorXf(Eigen::Vector2f(0, 2))}}) ==
        "weights[1, 2] is 4, not one of the levels");
}

// Backpropagation against central differences in double precision: plain layers, dropped inputs, variational layers.
#include <pare/train/gradient.hpp>

#include "catch.hpp"
#include "perceptrons.hpp"

using pare::activation;
using pare::index_t;
using backpropagation = pare::detail::backpropagation<>;
using pare::detail::share;

namespace {

constexpr index_t samples = 9;

// The loss of everything below: the sum of outputs times these weights, whose gradient by the outputs they are.
Eigen::MatrixXf probe() { return gaussian(3, samples, 77); }

struct network_under_test {
  pare::mlp model;
  std::vector<pare::row_major_matrix> variance;  // one per layer, or none
  pare::detail::input_change change = {};

  std::vector<pare::detail::effective_layer> effective() const {
    std::vector<pare::detail::effective_layer> layers;
    for (std::size_t l = 0; l < model.layers.size(); ++l)
      layers.push_back({&model.layers[l].weights, variance.empty() ? nullptr : &variance[l], &model.layers[l].bias,
                        model.layers[l].function});
    return layers;
  }
  backpropagation pass() const {
    backpropagation result;
    for (std::size_t l = 0; l < model.layers.size(); ++l)
      result.layers.emplace_back(model.layers[l], l == 0, change, !variance.empty(), 16);
    return result;
  }
};

network_under_test variational(activation hidden) {
  network_under_test result{make_model(hidden), {}};
  for (const pare::dense_layer& layer : result.model.layers)
    result.variance.push_back((0.1f * gaussian(layer.outputs(), layer.inputs(), 40)).array().square() + 0.01f);
  return result;
}

// What the passes drew at random, by layer.
struct drawn {
  std::vector<Eigen::MatrixXd> dropped;
  std::vector<Eigen::MatrixXd> noise;
};

struct double_network {
  std::vector<double_layer> layers;
  std::vector<Eigen::MatrixXd> variance;

  double loss(Eigen::MatrixXd x, const drawn& random) const {
    for (std::size_t l = 0; l < layers.size(); ++l) {
      if (!random.dropped.empty()) x.array() *= random.dropped[l].array();
      Eigen::MatrixXd y = (layers[l].weights * x).colwise() + layers[l].bias;
      if (!variance.empty()) y.array() += (variance[l] * x.cwiseAbs2()).array().sqrt() * random.noise[l].array();
      x = y.unaryExpr([&](double value) { return apply(layers[l].function, value); });
    }
    return (x.array() * probe().cast<double>().array()).sum();
  }
};

double_network double_of(const network_under_test& net) {
  double_network result{to_double(net.model), {}};
  for (const auto& each : net.variance) result.variance.push_back(each.cast<double>());
  return result;
}

// Runs both passes by parts and compares all gradients with central differences. Their error is bounded by `roundings`
// roundings of sums in which nothing cancels; noise of a few units counts as terms of its size.
void check_gradients(const network_under_test& net, double growth) {
  const Eigen::MatrixXf x = gaussian(4, samples, 2);
  const auto effective = net.effective();
  backpropagation pass = net.pass();
  pare::detail::packing_buffers buffers;
  drawn random;
  const share all{0, samples};
  for (int i = 0; i < 2; ++i) {
    const share part = pare::detail::share_of(samples, i, 2);
    pass.inputs(0, part) = x.middleCols(part.begin, part.size);
    pass.forward(effective, part, pare::detail::random(5, static_cast<std::uint64_t>(i)), buffers);
    pass.logit_delta(part) = probe().middleCols(part.begin, part.size);
  }
  const double_network exact = double_of(net);
  Eigen::MatrixXd value = x.cast<double>();
  for (std::size_t l = 0; l < exact.layers.size(); ++l) {  // recovers the noise from its slope, layer by layer
    if (net.change.dropout > 0) random.dropped.push_back(columns(pass.layers[l].dropped, all).cast<double>());
    if (net.variance.empty()) continue;
    const Eigen::MatrixXd deviation = (exact.variance[l] * pass.inputs(l, all).cast<double>().cwiseAbs2()).cwiseSqrt();
    random.noise.push_back(2 * columns(pass.layers[l].noise_slope, all).cast<double>().cwiseProduct(deviation));
  }
  for (int i = 0; i < 2; ++i) pass.backward(effective, pare::detail::share_of(samples, i, 2), buffers);

  const double h = 1e-6;
  const double tolerance = roundings * float_eps * growth + 1e-7;  // 2^-52 f / h and h^2 f''' for f below 100
  double_network moved = exact;
  const auto slope = [&](double& parameter) {
    const double kept = parameter;
    parameter = kept + h;
    const double above = moved.loss(x.cast<double>(), random);
    parameter = kept - h;
    const double below = moved.loss(x.cast<double>(), random);
    parameter = kept;
    return (above - below) / (2 * h);
  };
  for (std::size_t l = 0; l < exact.layers.size(); ++l) {
    const index_t rows = exact.layers[l].weights.rows(), cols = exact.layers[l].weights.cols();
    pare::detail::layer_parameters gradient{{rows, cols}, {rows, cols}, Eigen::VectorXf(rows), {}};
    for (int i = 0; i < 2; ++i) {
      const share part = pare::detail::share_of(rows, i, 2);
      pass.weight_gradient(l, part, all, buffers, gradient);
      if (!net.variance.empty()) pass.variance_gradient(l, part, all, buffers, gradient);
    }
    for (index_t row = 0; row < rows; ++row) {
      CHECK(std::abs(slope(moved.layers[l].bias(row)) - static_cast<double>(gradient.bias(row))) <= tolerance);
      for (index_t col = 0; col < cols; ++col) {
        CHECK(std::abs(slope(moved.layers[l].weights(row, col)) - static_cast<double>(gradient.weights(row, col))) <=
              tolerance);
        if (!net.variance.empty())
          CHECK(std::abs(slope(moved.variance[l](row, col)) - static_cast<double>(gradient.log_variance(row, col))) <=
                tolerance);
      }
    }
  }
}

// Bounds all gradients when nothing cancels: what flows back times what flows forth.
double growth_of(const network_under_test& net) {
  const auto layers = to_double(net.model);
  const auto inputs = magnitudes(layers, gaussian(4, samples, 2).cast<double>());
  Eigen::MatrixXd delta = probe().cast<double>().cwiseAbs();
  double most = 0;
  for (std::size_t l = layers.size(); l-- > 0;) {
    most = std::max(most, (delta * inputs[l].transpose()).maxCoeff());
    delta = ((layers[l].weights.cwiseAbs().transpose() * delta).array() * (1 + inputs[l].array())).eval();
  }
  return most;
}

}  // namespace

TEST_CASE("backpropagation gives the gradient of central differences for every activation") {
  const auto hidden =
      GENERATE(activation::identity, activation::relu, activation::leaky_relu, activation::sigmoid, activation::tanh);
  const network_under_test net{make_model(hidden), {}};
  check_gradients(net, growth_of(net));
}

TEST_CASE("backpropagation passes through dropped inputs") {
  network_under_test net{make_model(activation::tanh), {}};
  net.change.dropout = 0.5f;
  check_gradients(net, 2 * 2 * 2 * growth_of(net));  // kept inputs are doubled
}

TEST_CASE("backpropagation of variational layers gives the gradients by means and variances") {
  const auto hidden = GENERATE(activation::relu, activation::tanh);
  const network_under_test net = variational(hidden);
  // Deviations are at least 0.1 |x|, their slopes at most 5 units of noise / |x| times x^2.
  check_gradients(net, 5 * 5 * 5 * growth_of(net));
}

TEST_CASE("a quantized input passes its gradient straight through") {
  network_under_test net{make_model(activation::relu), {}};
  net.change.quantizer = pare::input_quantizer{};
  backpropagation pass = net.pass();
  pare::detail::packing_buffers buffers;
  const share all{0, samples};
  const auto effective = net.effective();
  pass.inputs(0, all) = gaussian(4, samples, 2);
  pass.forward(effective, all, pare::detail::random(1), buffers);
  pass.logit_delta(all) = probe();
  pass.backward(effective, all, buffers);
  const Eigen::MatrixXf down = net.model.layers[2].weights.transpose() * probe();
  const Eigen::MatrixXf outputs = columns(pass.layers[1].outputs, all);
  const Eigen::MatrixXf expected = (outputs.array() > 0).select(down, 0.0f);
  const Eigen::MatrixXf got = columns(pass.layers[1].delta, all);
  CHECK((got - expected).cwiseAbs().maxCoeff() <= 6 * static_cast<float>(float_eps) * 3 * 9);
  CHECK(columns(pass.layers[2].inputs, all) != outputs);  // they were rounded
}

TEST_CASE("the gradient of no samples is zero") {
  const network_under_test net{make_model(activation::relu), {}};
  backpropagation pass = net.pass();
  pare::detail::packing_buffers buffers;
  const auto effective = net.effective();
  pass.forward(effective, {0, 0}, pare::detail::random(1), buffers);
  pass.backward(effective, {0, 0}, buffers);
  pare::detail::layer_parameters gradient{
      pare::row_major_matrix::Constant(6, 4, 7.0f), {}, Eigen::VectorXf::Constant(6, 7.0f), {}};
  pass.weight_gradient(0, {0, 6}, {0, 0}, buffers, gradient);
  CHECK((gradient.weights.array() == 0.0f).all());
  CHECK((gradient.bias.array() == 0.0f).all());
}

TEST_CASE("normal noise has the moments of a normal distribution and follows its seed") {
  constexpr index_t count = 100001;
  Eigen::ArrayXf noise(count), again(count);
  pare::detail::fill_normal(pare::detail::random(3), noise);
  pare::detail::fill_normal(pare::detail::random(3), again);
  CHECK((noise == again).all());
  pare::detail::fill_normal(pare::detail::random(4), again);
  CHECK(!(noise == again).any());
  const Eigen::ArrayXd x = noise.cast<double>();
  const double n = count;  // six standard errors of each moment
  CHECK(std::abs(x.mean()) <= 6 / std::sqrt(n));
  CHECK(std::abs(x.square().mean() - 1) <= 6 * std::sqrt(2 / n));
  CHECK(std::abs(x.cube().mean()) <= 6 * std::sqrt(15 / n));
  CHECK(std::abs(x.square().square().mean() - 3) <= 6 * std::sqrt(96 / n));
  CHECK(std::abs((x.head(count - 1) * x.tail(count - 1)).mean()) <= 6 / std::sqrt(n));
  CHECK(std::abs(static_cast<double>((x > 1.959964).count()) - 0.025 * n) <= 6 * std::sqrt(0.025 * n));
}

TEST_CASE("dropout drops its share and keeps the mean") {
  const float rate = GENERATE(0.25f, 0.1f, 0.5f);
  Eigen::ArrayXf factors(100001);
  pare::detail::fill_dropout(pare::detail::random(7), rate, factors);
  const auto exact = static_cast<float>(static_cast<int>(rate * 65536)) / 65536;
  CHECK((factors == 0.0f || factors == 1 / (1 - exact)).all());
  const double n = 100001, r = static_cast<double>(rate);
  CHECK(std::abs(static_cast<double>((factors == 0.0f).count()) - r * n) <= 6 * std::sqrt(r * (1 - r) * n) + n / 65536);
}

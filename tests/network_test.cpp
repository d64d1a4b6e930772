// network: what run computes, and what it refuses.
#include <pare/nn/network.hpp>
#include <pare/parallel/thread_pool.hpp>

#include <atomic>
#include <cmath>
#include <thread>

#include "catch.hpp"
#include "networks.hpp"

namespace {

using Eigen::MatrixXd;
using Eigen::MatrixXf;
using pare::activation;
using pare::index_t;
using pare::linear;
using pare::network;

constexpr double u = 0x1p-24;  // half a unit in the last place of 1

network with(index_t inputs, pare::any_layer layer) {
  network net(inputs);
  net.add(std::move(layer));
  return net;
}

// Whether |y - expected| <= bound everywhere; says where it is not.
void check_within(const MatrixXf& y, const MatrixXd& expected, const MatrixXd& bound) {
  REQUIRE(y.rows() == expected.rows());
  REQUIRE(y.cols() == expected.cols());
  for (Eigen::Index c = 0; c < y.cols(); ++c)
    for (Eigen::Index r = 0; r < y.rows(); ++r) {
      INFO("at (" << r << ", " << c << "): " << y(r, c) << ", expected " << expected(r, c) << " +- " << bound(r, c));
      CHECK(std::fabs(static_cast<double>(y(r, c)) - expected(r, c)) <= bound(r, c));
    }
}

// The formulas of activation.hpp in double precision.
double reference(activation function, double alpha, double x) {
  switch (function) {
    case activation::relu: return std::max(x, 0.0);
    case activation::leaky_relu: return x > 0 ? x : alpha * x;
    case activation::elu: return x > 0 ? x : alpha * std::expm1(x);
    case activation::gelu: return x / 2 * std::erfc(-x / std::sqrt(2.0));
    case activation::gelu_tanh: return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case activation::silu: return x / (1 + std::exp(-x));
    case activation::sigmoid: return 1 / (1 + std::exp(-x));
    case activation::tanh: return std::tanh(x);
    case activation::hard_swish: return x * std::max(0.0, std::min(1.0, x / 6 + 0.5));
    default: return x;
  }
}

// How far a float result may be away: every operation rounds by u relative to what it makes, an exponential is within
// 4 u (elementwise.inl), erfc within 1.2e-7 + 4 u, and gates that are at most 1 carry absolute errors.
double reference_bound(activation function, double alpha, double x) {
  switch (function) {
    case activation::identity:
    case activation::relu: return 0;
    case activation::leaky_relu: return u * std::fabs(alpha * x);
    case activation::elu: return 12 * u * std::fabs(reference(function, alpha, x));
    case activation::sigmoid:
    case activation::tanh: return 12 * u * std::fabs(reference(function, alpha, x));
    default: return (1.2e-7 + 12 * u) * std::fabs(x);
  }
}

}  // namespace

TEST_CASE("a linear layer computes W x + b") {
  for (const index_t inputs : {1, 3, 16, 33, 131})
    for (const index_t outputs : {1, 15, 17, 40})
      for (const index_t batch : {1, 2, 7}) {
        const MatrixXf w = gaussian(outputs, inputs, 1), x = gaussian(inputs, batch, 2);
        const Eigen::VectorXf b = gaussian(outputs, 1, 3);
        const network net = with(inputs, linear(pare::pack_dense(w), b));
        const MatrixXd expected = (w.cast<double>() * x.cast<double>()).colwise() + b.cast<double>();
        // Each product and sum rounds by u: at most inputs + 3 of them stand behind a result.
        const MatrixXd magnitude =
            (w.cwiseAbs().cast<double>() * x.cwiseAbs().cast<double>()).colwise() + b.cwiseAbs().cast<double>();
        check_within(outputs_of(net, x), expected, static_cast<double>(inputs + 3) * 1.01 * u * magnitude);
      }
}

TEST_CASE("a linear layer multiplies with the quantized weights, its inputs as floats or rounded to 8 bits") {
  const index_t inputs = 70, outputs = 33, group = 32;
  const MatrixXf x = gaussian(inputs, 5, 2);
  const Eigen::VectorXf b = gaussian(outputs, 1, 3);
  for (const int bits : {2, 4, 5, 8}) {
    const auto codes = pare::quantize_codes(gaussian(outputs, inputs, 1), {.bits = bits, .group_size = group});
    MatrixXd w(outputs, inputs);
    pare::dequantize(codes, w);
    const MatrixXd expected = (w * x.cast<double>()).colwise() + b.cast<double>();
    const MatrixXd magnitude = (w.cwiseAbs() * x.cwiseAbs().cast<double>()).colwise() + b.cwiseAbs().cast<double>();
    const MatrixXd rounding = static_cast<double>(inputs + 6) * 1.01 * u * magnitude;
    const auto run = [&](pare::precision precision) {
      return outputs_of(with(inputs, linear(pare::pack(codes), b, precision)), x);
    };
    check_within(run(pare::precision::float32), expected, rounding);
    // An input is off by at most half a step, the group's largest / 127.
    MatrixXd half_step(inputs, x.cols());
    for (index_t c = 0; c < x.cols(); ++c)
      for (index_t i = 0; i < inputs; ++i) {
        const index_t begin = i / group * group;
        const float largest = x.col(c).segment(begin, std::min(group, inputs - begin)).cwiseAbs().maxCoeff();
        half_step(i, c) = static_cast<double>(largest) / 254 * 1.0001;
      }
    check_within(run(pare::precision::int8), expected, w.cwiseAbs() * half_step + rounding);
  }
}

TEST_CASE("activation layers compute their formulas") {
  MatrixXf x(41, 5);
  for (Eigen::Index i = 0; i < x.size(); ++i) x(i) = static_cast<float>(i - 102) / 10.0f;
  for (const activation function : pare::activations) {
    if (function == activation::softmax) continue;
    for (const float alpha : {pare::default_alpha(function), 0.3f, -2.0f}) {
      INFO(pare::name(function) << ", alpha " << alpha);
      const MatrixXf y = outputs_of(with(41, pare::activation_layer(function, alpha)), x);
      const auto at = [&](auto f) {
        return MatrixXd(
            x.cast<double>().unaryExpr([&](double v) { return f(function, static_cast<double>(alpha), v); }));
      };
      check_within(y, at(reference), at(reference_bound));
    }
  }
}

TEST_CASE("softmax is over the features of each sample") {
  for (const index_t features : {1, 2, 15, 16, 17, 40}) {
    const MatrixXf x = 8 * gaussian(features, 6, 1);
    const MatrixXd d = x.cast<double>();
    const MatrixXd shifted = d.rowwise() - d.colwise().maxCoeff();
    MatrixXd expected = shifted.array().exp();
    expected.array().rowwise() /= expected.colwise().sum().array().eval();
    // The difference to the largest rounds, and is then an exponent; lanes add up features / 16 + 5 times.
    const double sums = static_cast<double>(features) / 16 + 16;
    const MatrixXd bound = expected.array() * (sums - shifted.array()) * u + 1e-44;
    check_within(outputs_of(with(features, activation::softmax), x), expected, bound);
  }
}

namespace {

// y = (x - mean) / sqrt(variance + epsilon) · gain + shift and a bound of what rounding does to it, to first order:
// sums of n numbers over 16 lanes carry at most n / 16 + 10 roundings each.
struct normalized {
  MatrixXd value, bound;
  normalized(const MatrixXd& x, const Eigen::VectorXd& gain, const Eigen::VectorXd& shift, double epsilon, bool center)
      : value(x.rows(), x.cols()), bound(x.rows(), x.cols()) {
    const double sum_error = (static_cast<double>(x.rows()) / 16 + 10) * u;
    for (Eigen::Index c = 0; c < x.cols(); ++c) {
      const double mean = center ? x.col(c).mean() : 0;
      const double mean_error = center ? sum_error * x.col(c).cwiseAbs().mean() : 0;
      const Eigen::ArrayXd d = x.col(c).array() - mean;
      const double variance = d.square().mean(), deviation = std::sqrt(variance + epsilon);
      const double variance_error = (sum_error + 2 * u) * variance + 2 * d.abs().mean() * mean_error;
      const double factor_error = variance_error / (2 * (variance + epsilon)) + 4 * u;
      const Eigen::ArrayXd z = d / deviation;
      value.col(c) = z * gain.array() + shift.array();
      const Eigen::ArrayXd z_error = (mean_error + u * d.abs()) / deviation + z.abs() * factor_error;
      bound.col(c) = 1.01 * (gain.array().abs() * (z_error + 2 * u * z.abs()) + u * shift.array().abs());
    }
  }
};

}  // namespace

TEST_CASE("layer norm and RMS norm are over the features of each sample") {
  for (const index_t n : {1, 2, 15, 16, 17, 100}) {
    const MatrixXf x = (3 * gaussian(n, 5, 1)).array() + 2.0f;
    const Eigen::VectorXf gain = gaussian(n, 1, 2), shift = gaussian(n, 1, 3);
    const normalized layer(x.cast<double>(), gain.cast<double>(), shift.cast<double>(), 1e-3, true);
    check_within(outputs_of(with(n, pare::layer_norm(gain, shift, 1e-3f)), x), layer.value, layer.bound);
    const normalized rms(x.cast<double>(), gain.cast<double>(), Eigen::VectorXd::Zero(n), 1e-3, false);
    check_within(outputs_of(with(n, pare::rms_norm(gain, 1e-3f)), x), rms.value, rms.bound);
  }
}

TEST_CASE("a residual adds what went into the layer that it names") {
  const MatrixXf x = gaussian(18, 3, 1);
  network net(18);
  net.add(activation::relu).add(activation::tanh).add(pare::residual{0}).add(pare::residual{1}).add(pare::residual{4});
  const MatrixXf positive = x.cwiseMax(0.0f);
  const MatrixXf curved = outputs_of(with(18, activation::tanh), positive);
  const MatrixXf sum = (curved + x) + positive;
  CHECK(outputs_of(net, x) == sum + sum);
}

TEST_CASE("layers run one after another as they would alone") {
  for (const pare::precision inputs : {pare::precision::int8, pare::precision::float32}) {
    const network net = every_layer(inputs);
    std::vector<MatrixXf> before{gaussian(21, 4, 1)};
    for (const pare::any_layer& layer : net.layers()) {
      const MatrixXf& x = before.back();
      const auto* skip = std::get_if<pare::residual>(&layer);
      before.push_back(skip != nullptr ? MatrixXf(x + before[skip->from]) : outputs_of(with(x.rows(), layer), x));
    }
    CHECK(outputs_of(net, before.front()) == before.back());
  }
}

TEST_CASE("a network without layers returns its inputs") {
  const MatrixXf x = gaussian(7, 3, 1);
  CHECK(outputs_of(network(7), x) == x);
}

TEST_CASE("a sample's outputs do not depend on the batch that it is in") {
  const MatrixXf x = gaussian(21, 13, 1);
  for (const pare::precision inputs : {pare::precision::int8, pare::precision::float32}) {
    const network net = every_layer(inputs);
    const MatrixXf all = outputs_of(net, x);
    for (const index_t batch : {1, 2, 3, 4, 5, 12})
      for (index_t begin = 0; begin + batch <= 13; begin += batch)
        CHECK(outputs_of(net, x.middleCols(begin, batch)) == all.middleCols(begin, batch));
  }
}

TEST_CASE("a workspace may be larger than the batch, and be used again") {
  const network net = every_layer(pare::precision::int8);
  const MatrixXf x = gaussian(21, 6, 1);
  pare::workspace room = net.workspace(10);
  CHECK(room.batch() == 10);
  for (const index_t batch : {6, 1, 4, 6}) {
    MatrixXf y(3, batch);
    net.run(x.leftCols(batch), y, room);
    CHECK(y == outputs_of(net, x).leftCols(batch));
  }
}

TEST_CASE("samples may lie anywhere in memory, in any element type") {
  const network net = every_layer(pare::precision::int8);
  const MatrixXf x = gaussian(21, 4, 1);
  const MatrixXf y = outputs_of(net, x);
  pare::workspace room = net.workspace(4);

  const pare::row_major_matrix row_major = x;
  pare::row_major_matrix row_major_y(3, 4);
  net.run(row_major, row_major_y, room);
  CHECK(row_major_y == y);

  const MatrixXd wide = x.cast<double>();
  MatrixXd wide_y(3, 4);
  net.run(wide, wide_y, room);
  CHECK(wide_y == y.cast<double>());

  MatrixXf framed = MatrixXf::Constant(50, 9, 7), framed_y = MatrixXf::Constant(9, 9, 7);
  Eigen::Map<MatrixXf, 0, Eigen::Stride<-1, -1>> strided(framed.data() + 3, 21, 4, {100, 2});
  strided = x;
  net.run(strided, framed_y.block(2, 3, 3, 4), room);
  CHECK(framed_y.block(2, 3, 3, 4) == y);
  framed_y.block(2, 3, 3, 4).setConstant(7);
  CHECK(framed_y == MatrixXf::Constant(9, 9, 7));

  const std::vector<float> sample(x.data(), x.data() + 21);
  std::vector<double> result(3);
  net.run(std::span(sample), std::span(result), room);
  CHECK(Eigen::Vector3d(result.data()) == y.col(0).cast<double>());

  Eigen::Vector3f vector_y;
  net.run(x.col(1), vector_y, room);
  CHECK(vector_y == y.col(1));
}

TEST_CASE("outputs may take the place of inputs") {
  network net(12);
  net.add(linear(pare::quantize(gaussian(12, 12, 1), {.bits = 4}))).add(activation::relu).add(pare::residual{0});
  const MatrixXf x = gaussian(12, 5, 2);
  MatrixXf both = x;
  pare::workspace room = net.workspace(5);
  net.run(both, both, room);
  CHECK(both == outputs_of(net, x));
}

TEST_CASE("shapes that do not fit are refused before anything is done") {
  const network net = with(4, linear(pare::pack_dense(gaussian(3, 4, 1))));
  pare::workspace room = net.workspace(5);
  const auto message = [&](index_t rows, index_t cols, index_t out_rows, index_t out_cols) {
    const MatrixXf x = MatrixXf::Zero(rows, cols);
    MatrixXf y = MatrixXf::Constant(out_rows, out_cols, 42);
    const std::string text = error_message<pare::shape_error>([&] { net.run(x, y, room); });
    CHECK(y == MatrixXf::Constant(out_rows, out_cols, 42));
    return text;
  };
  CHECK(message(3, 2, 3, 2) == "x is [3, 2], must be [4, batch]");
  CHECK(message(2, 4, 3, 2) == "x is [2, 4], must be [4, batch]: samples are columns, pass its transpose");
  CHECK(message(4, 2, 2, 2) == "y is [2, 2], must be [3, 2]");
  CHECK(message(4, 2, 3, 1) == "y is [3, 1], must be [3, 2]");
  CHECK(message(4, 6, 3, 6) == "the batch is 6, the workspace has room for 5");

  pare::workspace other = with(4, linear(pare::quantize(gaussian(3, 4, 1), {.bits = 4}))).workspace(5);
  const MatrixXf x = MatrixXf::Zero(4, 2);
  MatrixXf y = MatrixXf::Constant(3, 2, 42);
  CHECK(error_message<pare::shape_error>([&] { net.run(x, y, other); }) ==
        "the workspace was made for another network");
  CHECK(y == MatrixXf::Constant(3, 2, 42));
}

TEST_CASE("an empty batch does nothing") {
  const network net = every_layer(pare::precision::int8);
  pare::workspace room = net.workspace(1);
  MatrixXf y(3, 0);
  net.run(MatrixXf(21, 0), y, room);
  CHECK(y.size() == 0);
}

TEST_CASE("layers that do not fit are refused, and the network is as it was") {
  network net(4);
  net.add(activation::relu);
  const auto message = [&](pare::any_layer layer) { return error_message([&] { net.add(std::move(layer)); }); };
  CHECK(message(linear(pare::pack_dense(gaussian(2, 3, 1)))) ==
        "layer 1 takes 3 inputs, the network has 4 features there");
  CHECK(message(linear(pare::pack_dense(MatrixXf(0, 4)))) == "layer 1 has no outputs");
  CHECK(message(pare::rms_norm(Eigen::Vector3f(1, 1, 1))) == "layer 1 normalizes 3 features, the network has 4 there");
  CHECK(message(pare::residual{2}) == "a residual comes from layer 2, there are 1");
  CHECK(message(pare::activation_layer(activation::elu, NAN)) == "alpha is nan, must be finite");
  CHECK(net.layers().size() == 1);
  CHECK(net.outputs() == 4);
  net.add(linear(pare::pack_dense(gaussian(2, 4, 1))));
  CHECK(message(pare::residual{0}) == "a residual adds 4 features, the network has 2 there");
  CHECK(net.width(0) == 4);
  CHECK(net.width(2) == 2);
}

TEST_CASE("what a linear layer or a network is made of must be in range") {
  const auto weights = pare::pack_dense(gaussian(3, 4, 1));
  CHECK(error_message<pare::shape_error>([&] { linear(weights, Eigen::Vector2f(1, 2)); }) ==
        "the bias has 2 elements, the weights have 3 rows");
  CHECK(error_message<pare::value_error>([&] { linear(weights, Eigen::Vector3f(1, NAN, 2)); }) ==
        "bias[0, 1] is nan, must be finite in float");
  CHECK(error_message<pare::value_error>([] { network(0); }) == "inputs is 0, must be at least 1");
  CHECK(error_message<pare::value_error>([] { network(1).workspace(0); }) ==
        "batch is 0, must be 1 to 72057594037927935");
}

TEST_CASE("a network's bytes are those that a run reads") {
  const auto weights = pare::quantize(gaussian(20, 21, 1), {.bits = 4});
  network net(21);
  net.add(linear(weights)).add(activation::relu).add(pare::layer_norm(gaussian(20, 1, 1), gaussian(20, 1, 2)));
  CHECK(net.bytes() == weights.bytes().size() + (32 + 2 * 32) * sizeof(float));
}

TEST_CASE("run takes any number without throwing") {
  const network net = every_layer(pare::precision::int8);
  pare::workspace room = net.workspace(1);
  for (const float value : {NAN, HUGE_VALF, -HUGE_VALF, 3e38f, 1e-45f}) {
    const Eigen::VectorXf x = Eigen::VectorXf::Constant(21, value);
    Eigen::Vector3f y;
    net.run(x, y, room);
  }
  Eigen::Vector3f y;
  net.run(gaussian(21, 1, 1), y, room);  // nothing of it is left in the workspace
  CHECK(y == outputs_of(net, gaussian(21, 1, 1)));
}

TEST_CASE("outputs do not depend on the number of threads", "[threads]") {
  for (const pare::precision inputs : {pare::precision::int8, pare::precision::float32}) {
    network net(130);
    net.add(linear(pare::quantize(gaussian(260, 130, 1), {.bits = 4}), gaussian(260, 1, 2), inputs))
        .add(activation::silu)
        .add(linear(pare::pack_dense(gaussian(140, 260, 3)), inputs));
    const MatrixXf x = gaussian(130, 9, 4);
    const MatrixXf y = outputs_of(net, x);
    for (const int threads : {1, 2, 3}) {
      pare::thread_pool pool(threads);
      CHECK(outputs_of(net, x, &pool) == y);
    }
  }
}

TEST_CASE("large layers are split over an executor, small ones are not") {
  struct counting final : pare::executor {
    int calls = 0;
    int threads() const noexcept override { return 4; }
    void for_each(int count, pare::task_ref task) override {
      ++calls;
      for (int i = count; i-- > 0;) task(i);
    }
  } executor;
  const network small = with(20, linear(pare::pack_dense(gaussian(20, 20, 1))));
  outputs_of(small, gaussian(20, 2, 2), &executor);
  CHECK(executor.calls == 0);
  const network large = with(512, linear(pare::pack_dense(gaussian(300, 512, 1))));
  const MatrixXf x = gaussian(512, 2, 2);
  CHECK(outputs_of(large, x, &executor) == outputs_of(large, x));
  CHECK(executor.calls > 0);
}

TEST_CASE("many threads run one network, each with a workspace of its own", "[threads]") {
  const network net = every_layer(pare::precision::int8);
  const MatrixXf x = gaussian(21, 8, 1);
  const MatrixXf y = outputs_of(net, x);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i)
        if (outputs_of(net, x) != y) ++wrong;
    });
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
}

TEST_CASE("a workspace of a network with other inputs is refused, layers or not") {
  network small(1), large(1000);
  pare::workspace room = small.workspace(1);
  Eigen::VectorXf x = Eigen::VectorXf::Zero(1000), y = x;
  CHECK_THROWS_AS(large.run(x, y, room), pare::shape_error);

  // The same width behind the layer, groups and steps; another stride in front of it.
  const auto layer = [](index_t inputs, index_t group_size) {
    return linear(pare::quantize(Eigen::MatrixXf(Eigen::MatrixXf::Ones(1, inputs)), {.group_size = group_size}));
  };
  room = with(10, layer(10, 1)).workspace(1);
  x.setZero(40);
  y.setZero(1);
  CHECK_THROWS_AS(with(40, layer(40, 4)).run(x, y, room), pare::shape_error);
}

TEST_CASE("a batch whose bytes cannot be counted is refused") {
  const network net(16);
  const std::string message = error_message<pare::value_error>([&] { net.workspace(index_t{1} << 60); });
  CHECK(message.find("1152921504606846976") != std::string::npos);
  CHECK_THROWS_AS(net.workspace(0), pare::value_error);
}

TEST_CASE("NaN goes through every activation") {
  for_each_instruction_set([](pare::instruction_set) {
    for (const activation function : pare::activations) {
      Eigen::VectorXf x = Eigen::VectorXf::LinSpaced(20, -3, 3), y(20);
      x(7) = std::numeric_limits<float>::quiet_NaN();
      const network net = with(20, function);
      pare::workspace room = net.workspace(1);
      net.run(x, y, room);
      INFO(name(function));
      CHECK(std::isnan(y(7)));
      if (function != activation::softmax) CHECK(!std::isnan(y(6)));
    }
  });
}

TEST_CASE("softmax of the most negative floats is even, at any width") {
  for_each_instruction_set([](pare::instruction_set) {
    for (const index_t n : {1, 2, 16, 17}) {
      Eigen::VectorXf x = Eigen::VectorXf::Constant(n, std::numeric_limits<float>::lowest()), y(n);
      const network net = with(n, activation::softmax);
      pare::workspace room = net.workspace(1);
      net.run(x, y, room);
      for (const float share : y) CHECK(share == 1.0f / static_cast<float>(n));
    }
  });
}

// layer_compressor, compress_in_sequence, narrow_network, settings_path: the parts of a search.
#include <pare/compress/search.hpp>
#include <pare/prune/prune.hpp>

#include "calibrated.hpp"
#include "catch.hpp"
#include "support.hpp"

using pare::index_t;
using pare::layer_setting;
using pare::scheme;

namespace {

pare::network two_layers(index_t inputs, index_t hidden, index_t outputs, pare::activation between) {
  pare::network net(inputs);
  const Eigen::MatrixXf w1 = gaussian(hidden, inputs, 1), b1 = gaussian(hidden, 1, 2),
                        w2 = gaussian(outputs, hidden, 3), b2 = gaussian(outputs, 1, 4);
  net.add(pare::linear(pare::pack_dense(w1), b1)).add(pare::activation_layer(between));
  net.add(pare::linear(pare::pack_dense(w2), b2));
  return net;
}

double squared_difference(const pare::network& a, const pare::network& b, const Eigen::MatrixXf& x) {
  return static_cast<double>((pare::logits_of(a, x) - pare::logits_of(b, x)).squaredNorm());
}

}  // namespace

TEST_CASE("a compressed layer has the error it says, and less than plain rounding") {
  const Eigen::MatrixXf x = correlated(40, 300, 5).array() + 0.5f, w = gaussian(12, 40, 6), b = gaussian(12, 1, 7);
  const pare::linear layer(pare::pack_dense(w), b, pare::precision::float32);
  const pare::input_statistics seen = statistics_of(x);
  pare::layer_compressor compressor(layer, seen);
  const Eigen::MatrixXd wanted = (w * x).cast<double>();
  for (const layer_setting& setting : {layer_setting{.bits = 2}, layer_setting{.bits = 4, .group_size = 0},
                                       layer_setting{.bits = 3, .scheme = scheme::symmetric, .group_size = 16},
                                       layer_setting{.bits = 4, .scheme = scheme::symmetric, .sparsity = 0.5},
                                       layer_setting{.bits = 4, .scheme = scheme::symmetric, .sparsity = 0.8}}) {
    INFO(describe(setting));
    const pare::compressed_layer small = compressor.compress(setting);
    const Eigen::MatrixXf q = dense_weights(small.layer);
    const Eigen::VectorXf bias = Eigen::Map<const Eigen::VectorXf>(small.layer.bias().data(), 12);
    const Eigen::MatrixXd got = ((q * x).colwise() + (bias - b)).cast<double>();
    // Products of floats, summed in float, against moments in double.
    CHECK(small.error == Approx((got - wanted).squaredNorm() / wanted.squaredNorm()).epsilon(1e-3));
    constexpr std::size_t head_and_checksum = 18;  // of a file without layers
    CHECK(small.bytes + head_and_checksum == pare::coded_size(pare::network(40).add(small.layer), pare::coding::small));
    Eigen::MatrixXf plain = w;
    if (setting.sparsity > 0) {
      pare::prune(plain, pare::sparsity{setting.sparsity});
      CHECK((q.array() == 0).count() >= std::llround(setting.sparsity * 480));
    }
    pare::row_major_matrix rounded(12, 40);
    dequantize(pare::quantize_codes(plain, pare::detail::quantize_options_of(setting)), rounded);
    CHECK(small.error < ((rounded * x).cast<double>() - wanted).squaredNorm() / wanted.squaredNorm());
  }
}

TEST_CASE("settings are described, and refused where they cannot be") {
  CHECK(pare::describe(layer_setting{}) == "4 bits in groups of 32, two-level");
  CHECK(pare::describe({.bits = 1, .scheme = scheme::symmetric, .group_size = 0}) == "1 bit per row");
  CHECK(pare::describe({.bits = 3, .scheme = scheme::symmetric, .group_size = 64, .sparsity = 0.8}) ==
        "3 bits in groups of 64, 80 % zeros");
  const auto message = [](const layer_setting& setting) { return error_message([&] { require_valid(setting); }); };
  CHECK(message({.bits = 9}) == "bits is 9, must be 1 to 8");
  CHECK(message({.group_size = -1}) == "group_size is -1, must not be negative");
  CHECK(message({.sparsity = 1}) == "sparsity is 1, must be in [0, 1)");
  CHECK(message({.sparsity = 0.5}) == "sparsity is 0.5, which needs zeros: scheme::symmetric and at least 2 bits");
}

TEST_CASE("layers in sequence make up for those before them") {
  const pare::network net = two_layers(30, 20, 6, pare::activation::relu);
  const Eigen::MatrixXf x = correlated(30, 400, 8);
  pare::network_compressor apart(net, x);
  for (const int bits : {2, 3}) {
    const std::vector<layer_setting> settings(2, {.bits = bits});
    const double together = squared_difference(net, pare::compress_in_sequence(net, settings, x), x);
    CHECK(together < squared_difference(net, apart.assemble(settings), x));
  }
  CHECK_THROWS_AS(pare::compress_in_sequence(net, {{.bits = 2}}, x), pare::shape_error);
  CHECK_THROWS_AS(pare::compress_in_sequence(net, std::vector<layer_setting>(3), x), pare::shape_error);
}

TEST_CASE("neurons are taken out up to a loss of variance, and the answers stay as near") {
  const pare::network net = two_layers(10, 60, 3, pare::activation::relu);
  const Eigen::MatrixXf x = correlated(10, 500, 9);
  const Eigen::MatrixXd outputs = pare::logits_of(net, x).cast<double>();
  const double variance = (outputs.colwise() - outputs.rowwise().mean()).squaredNorm();
  index_t before = 61;
  for (const double loss : {0.001, 0.01, 0.1, 0.5}) {
    const pare::network narrow = pare::narrow_network(net, loss, x);
    CHECK(narrow.width(1) < before);
    before = narrow.width(1);
    // The loss is of a damped moment, which counts errors as larger than they are.
    CHECK(squared_difference(net, narrow, x) <= loss * variance);
  }
  CHECK(pare::narrow_network(two_layers(10, 60, 3, pare::activation::softmax), 0.1, x).width(1) == 60);
  CHECK(error_message([&] { pare::narrow_network(net, 2, x); }) == "loss_of_variance is 2, must be in [0, 1]");
}

TEST_CASE("a path begins with the fewest bytes, ends with the least error, and takes the best step each time") {
  const auto row = [](std::size_t layer, int bits, std::size_t bytes, double error) {
    return pare::layer_sensitivity{layer, {.bits = bits}, bytes, 0, {error, 0}};
  };
  // Of layer 0, 3 bits are above the line from 2 to 4, and 5 bits worse than 4. Steps: 4 -> 0.04 per byte, 8 -> 0.01;
  // of layer 1: 4 -> 0.02.
  const std::vector<pare::layer_sensitivity> rows = {
      row(0, 2, 100, 5), row(0, 3, 150, 4.5), row(0, 4, 200, 1), row(0, 5, 210, 1.2), row(0, 8, 250, 0.5),
      row(2, 2, 100, 2), row(2, 3, 150, 2),   row(2, 4, 200, 0), row(2, 5, 210, 0),   row(2, 8, 250, 0.1)};
  std::vector<std::pair<int, int>> bits;
  for (const auto& settings : pare::detail::settings_path(rows, 2))
    bits.emplace_back(settings[0].bits, settings[1].bits);
  CHECK(bits == std::vector<std::pair<int, int>>{{2, 2}, {4, 2}, {4, 4}, {8, 4}});
}

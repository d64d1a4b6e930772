// Hidden neurons in another order: the same function, similar ones side by side, smaller files.
#include <pare/train/reorder.hpp>

#include <algorithm>
#include <numeric>

#include <pare/io/pare_file.hpp>
#include <pare/train/convert.hpp>

#include "catch.hpp"
#include "perceptrons.hpp"
#include "support.hpp"

using pare::activation;
using pare::index_t;
using numbers = std::vector<index_t>;

namespace {

// A layer of ones, each row from the columns that are named.
pare::dense_layer ones(index_t inputs, const std::vector<numbers>& columns) {
  const auto rows = static_cast<index_t>(columns.size());
  pare::dense_layer layer{Eigen::MatrixXf::Zero(rows, inputs), Eigen::VectorXf::LinSpaced(rows, 0, 1),
                          activation::relu};
  for (index_t row = 0; row < rows; ++row)
    for (const index_t col : columns[static_cast<std::size_t>(row)]) layer.weights(row, col) = 1.0f;
  return layer;
}

}  // namespace

TEST_CASE("neurons follow those that they share the most inputs with, the one with the most first") {
  pare::mlp model{
      {ones(9, {{0, 1}, {6, 7}, {}, {0, 1, 2, 3}, {1, 2, 3}, {5, 6, 7}}), whole_layer(2, 6, 1, activation::identity)}};
  const pare::reordered_mlp result = pare::reorder_neurons(model);
  // Of 3: 4 (3 of 4), 0 (2 of 4). Of 4: 0 (1 of 4). Then nothing in common: the first that is left.
  REQUIRE(result.order == std::vector<numbers>{{3, 4, 0, 1, 5, 2}});
  for (std::size_t i = 0; i < 6; ++i) {
    const auto row = static_cast<index_t>(i);
    const index_t was = result.order[0][i];
    CHECK(result.model.layers[0].weights.row(row) == model.layers[0].weights.row(was));
    CHECK(result.model.layers[0].bias[row] == model.layers[0].bias[was]);
    CHECK(result.model.layers[1].weights.col(row) == model.layers[1].weights.col(was));
  }
}

TEST_CASE("the order of neurons does not change what whole numbers give") {
  const pare::mlp model{{whole_layer(30, 12, 1, activation::relu), whole_layer(20, 30, 2, activation::relu),
                         whole_layer(4, 20, 3, activation::identity)}};
  const Eigen::MatrixXf x = whole_numbers(12, 40, 4);
  const pare::reordered_mlp result = pare::reorder_neurons(model, x);
  CHECK(pare::forward(result.model, x) == pare::forward(model, x));
  CHECK(result.outputs.largest == 0);
  CHECK(result.outputs.magnitude > 0);
  for (const numbers& order : result.order) {
    numbers sorted = order;
    std::sort(sorted.begin(), sorted.end());
    numbers all(order.size());
    std::iota(all.begin(), all.end(), 0);
    CHECK(sorted == all);
  }
}

TEST_CASE("a perceptron without hidden neurons stays as it is") {
  const pare::mlp model{{whole_layer(3, 5, 1, activation::identity)}};
  const pare::reordered_mlp result = pare::reorder_neurons(model);
  CHECK(result.order.empty());
  CHECK(result.model.layers[0].weights == model.layers[0].weights);
}

TEST_CASE("coded files of pruned perceptrons become smaller by the order of neurons") {
  // Twelve families of neurons, each of which looks at 16 of 200 inputs, mixed up.
  pare::mlp model = pare::make_mlp({200, 288, 4}, 1);
  std::mt19937 generator(2);
  for (index_t row = 0; row < 288; ++row)
    for (index_t col = 0; col < 200; ++col)
      if (col / 16 != row * 5 % 12 || generator() % 4 == 0) model.layers[0].weights(row, col) = 0.0f;
  const auto size = [](const pare::mlp& each) {
    return pare::coded_size(
        pare::quantize(pare::to_network(each), {.bits = 3, .granularity = pare::granularity::tensor},
                       pare::encoding::very_sparse),
        pare::coding::small);
  };
  CHECK(size(pare::reorder_neurons(model).model) < size(model) * 19 / 20);
}

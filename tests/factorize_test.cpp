// Low-rank factors of a layer against a decomposition by another algorithm in double precision.
#include <pare/train/factorize.hpp>

#include "catch.hpp"
#include "perceptrons.hpp"
#include "support.hpp"

using pare::activation;
using pare::factor_rank;
using pare::index_t;
using pare::kept_energy;
using pare::weight_budget;

namespace {

// Three layers, the middle one [20, 30].
pare::mlp make_model() {
  pare::mlp model = pare::make_mlp({12, 30, 20, 4}, 3);
  model.layers[1].bias = gaussian(20, 1, 5);
  return model;
}

Eigen::VectorXd singular_values(const pare::dense_layer& layer) {
  return Eigen::JacobiSVD<Eigen::MatrixXd>(layer.weights.cast<double>()).singularValues();
}

}  // namespace

TEST_CASE("a layer becomes two, and no approximation of their rank is nearer") {
  const pare::mlp model = make_model();
  const Eigen::VectorXd values = singular_values(model.layers[1]);
  const index_t rank = GENERATE(1, 5, 11);
  const pare::factorized_mlp result = pare::factorize(model, 1, factor_rank{rank});
  REQUIRE(result.model.layers.size() == 4);
  const pare::dense_layer& first = result.model.layers[1];
  const pare::dense_layer& second = result.model.layers[2];
  CHECK(first.weights.rows() == rank);
  CHECK(first.bias.isZero(0));
  CHECK(first.function == activation::identity);
  CHECK(second.weights.cols() == rank);
  CHECK(second.bias == model.layers[1].bias);
  CHECK(second.function == activation::relu);
  for (const auto& [same, as] : {std::pair{0, 0}, {3, 2}})
    CHECK(result.model.layers[static_cast<std::size_t>(same)].weights ==
          model.layers[static_cast<std::size_t>(as)].weights);

  const Eigen::MatrixXd whole = model.layers[1].weights.cast<double>();
  const double error = (whole - second.weights.cast<double>() * first.weights.cast<double>()).norm();
  // Both factors are rounded to float; their norms are the roots of the sums of singular values.
  const double rounding = 0x1p-23 * values.head(rank).sum();
  CHECK(std::abs(error - values.tail(20 - rank).norm()) <= rounding);
  CHECK(result.rank == rank);
  CHECK(result.relative_error == Approx(error / whole.norm()));
  CHECK(result.energy == Approx(values.head(rank).squaredNorm() / values.squaredNorm()));
}

TEST_CASE("the rank is the lowest that keeps the energy") {
  const pare::mlp model = make_model();
  const Eigen::VectorXd squares = singular_values(model.layers[1]).array().square();
  const double share = GENERATE(0.05, 0.5, 0.8);
  const pare::factorized_mlp result = pare::factorize(model, 1, kept_energy{share});
  CHECK(squares.head(result.rank).sum() >= share * squares.sum());
  CHECK(squares.head(result.rank - 1).sum() < share * squares.sum());
}

TEST_CASE("the rank is the highest that fits the budget") {
  const pare::mlp model = make_model();  // 50 weights per rank
  CHECK(pare::factorize(model, 1, weight_budget{50}).rank == 1);
  CHECK(pare::factorize(model, 1, weight_budget{299}).rank == 5);
  CHECK(pare::factorize(model, 1, weight_budget{300}).rank == 6);
  CHECK(pare::factorize(model, 1, weight_budget{5000}, {.allow_larger = true}).rank == 20);
}

TEST_CASE("a matrix of low rank is factorized without loss") {
  pare::mlp model = make_model();
  model.layers[1].weights = gaussian(20, 3, 1) * gaussian(3, 30, 2);
  const Eigen::MatrixXf x = gaussian(12, 40, 3);
  const pare::factorized_mlp result = pare::factorize(model, 1, kept_energy{1 - 1e-9}, {.samples = x});
  CHECK(result.rank == 3);
  const auto layers = to_double(model);
  const auto thin = to_double(result.model);
  // What rounding W, as a product and in its factors, moves the outputs by: at most 5 roundings of every weight.
  const Eigen::MatrixXd bound = forward_bound(layers, x.cast<double>()) + forward_bound(thin, x.cast<double>());
  CHECK(result.outputs.largest <= 2 * bound.maxCoeff());
  CHECK(result.outputs.largest == pare::compare_outputs(model, result.model, x).largest);
  const Eigen::MatrixXd change = double_outputs(layers, x.cast<double>()) - double_outputs(thin, x.cast<double>());
  CHECK(std::abs(change.cwiseAbs().maxCoeff() - result.outputs.largest) <= bound.maxCoeff());
}

TEST_CASE("the difference of outputs is that of a rougher approximation too") {
  const pare::mlp model = make_model();
  const Eigen::MatrixXf x = gaussian(12, 40, 3);
  const pare::factorized_mlp result = pare::factorize(model, 1, factor_rank{2}, {.samples = x});
  const Eigen::MatrixXd change =
      double_outputs(to_double(model), x.cast<double>()) - double_outputs(to_double(result.model), x.cast<double>());
  CHECK(result.outputs.largest == Approx(change.cwiseAbs().maxCoeff()).epsilon(1e-4));
  CHECK(pare::factorize(model, 1, factor_rank{2}).outputs.largest > 0);  // over drawn samples
}

TEST_CASE("layers of zeros and of one row are factorized") {
  pare::mlp model = make_model();
  model.layers[1].weights.setZero();
  const pare::factorized_mlp zero = pare::factorize(model, 1, kept_energy{});
  CHECK(zero.rank == 1);
  CHECK(zero.energy == 1);
  CHECK(zero.relative_error == 0);
  CHECK(zero.outputs.largest == 0);
  const pare::mlp row = pare::make_mlp({7, 1}, 1);
  CHECK(pare::factorize(row, 0, factor_rank{1}, {.allow_larger = true}).relative_error < 0x1p-22);
}

TEST_CASE("what cannot be factorized is refused") {
  const pare::mlp model = make_model();
  const auto message = [&](index_t layer, const pare::rank_target& target, const pare::factorization& options = {}) {
    return error_message([&] { pare::factorize(model, layer, target, options); });
  };
  CHECK(message(3, factor_rank{1}) == "factorize: layer 3 wanted, must be 0 to 2");
  CHECK(message(-1, factor_rank{1}) == "factorize: layer -1 wanted, must be 0 to 2");
  CHECK(message(1, factor_rank{0}) == "factor_rank is 0, must be 1 to 20");
  CHECK(message(1, factor_rank{21}) == "factor_rank is 21, must be 1 to 20");
  CHECK(message(1, kept_energy{0}) == "kept_energy is 0, must be above 0 and at most 1");
  CHECK(message(1, kept_energy{1.5}) == "kept_energy is 1.5, must be above 0 and at most 1");
  CHECK(message(1, weight_budget{49}) == "weight_budget is 49, must be at least 50 for factors of rank 1");
  CHECK(message(1, factor_rank{12}) == "factorize: factors of rank 12 have 600 weights, layer 1 has 600");
  CHECK(message(1, factor_rank{1}, {.samples = gaussian(3, 4, 1)}) ==
        "mlp: samples have 3 features, the first layer takes 12");
}

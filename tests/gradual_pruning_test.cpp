// Pruning while training: how many are kept, which, and what comes back.
#include <pare/train/gradual_pruning.hpp>

#include <algorithm>
#include <functional>

#include "catch.hpp"
#include "training_runs.hpp"

using pare::gradual_pruning;
using pare::index_t;
using pare::mask;
using pare::pruning_scope;
using pare::regrowth;
using pare::row_major_matrix;
using pare::detail::pruning_evidence;

namespace {

index_t nonzeros(const pare::mlp& model) {
  index_t count = 0;
  for (const pare::dense_layer& layer : model.layers) count += (layer.weights.array() != 0.0f).count();
  return count;
}

pare::detail::parameters layer_of(const row_major_matrix& weights) { return {{weights, {}, {}, {}}}; }

mask mask_of(std::initializer_list<int> kept) {
  mask result(1, static_cast<index_t>(kept.size()));
  index_t col = 0;
  for (const int each : kept) result.set(0, col++, each != 0);
  return result;
}

row_major_matrix row(std::initializer_list<float> values) {
  return Eigen::Map<const row_major_matrix>(values.begin(), 1, static_cast<index_t>(values.size()));
}

std::vector<mask> masks_at(const gradual_pruning& p, index_t step, const pare::detail::parameters& shadow,
                           const pare::detail::parameters& gradients, const std::vector<mask>& before) {
  return pare::detail::next_masks(p, step, pruning_evidence{shadow, gradients, {}, {}}, before);
}

}  // namespace

TEST_CASE("masks change every so many steps of the schedule, at its first and at its last") {
  const gradual_pruning p{.every = 4, .schedule = {.begin = 3, .end = 12, .final = 0.5}};
  std::vector<index_t> due;
  for (index_t step = 0; step < 20; ++step)
    if (pare::detail::is_due(p, step)) due.push_back(step);
  CHECK(due == std::vector<index_t>{3, 7, 11, 12});
  CHECK(!pare::detail::is_due({}, 0));
  CHECK(pare::steps_per_epoch(100, 16) == 7);
}

TEST_CASE("a run ends with exactly the number of weights that was asked for") {
  const auto regrow = GENERATE(regrowth::none, regrowth::straight_through, regrowth::gradient);
  const auto scope = GENERATE(pruning_scope::network, pruning_scope::layer);
  const auto score = GENERATE(pare::weight_score::magnitude, pare::weight_score::input_energy);
  const double sparse = GENERATE(0.5, 0.83);
  const pare::mlp model = trained({.epochs = 6,
                                   .batch_size = 16,
                                   .pruning = {.every = 2,
                                               .schedule = {.begin = 3, .end = 40, .final = sparse},
                                               .score = score,
                                               .scope = scope,
                                               .regrow = regrow}});
  if (scope == pruning_scope::network)
    CHECK(nonzeros(model) == pare::kept_count(120, sparse));
  else
    for (const pare::dense_layer& layer : model.layers)
      CHECK((layer.weights.array() != 0.0f).count() == pare::kept_count(60, sparse));
}

TEST_CASE("without regrowth no weight comes back, not even those a given mask removed") {
  const pare::dataset data = make_clouds(100);
  std::vector<mask> given(2);
  given[0] = mask(20, 3);
  for (index_t i = 0; i < 20; ++i) given[0].set(i, i % 3);
  pare::trainer run(small_mlp(), data,
                    {.epochs = 6,
                     .batch_size = 16,
                     .constraints = pare::keep(given),
                     .pruning = {.every = 3, .schedule = {.end = 42, .final = 0.75}}});
  Eigen::ArrayXXf before = Eigen::ArrayXXf::Zero(20, 3);
  for (index_t i = 0; i < 20; ++i) before(i, i % 3) = 1.0f;
  while (!run.finished()) {
    run.epoch();
    const Eigen::ArrayXXf now = run.model().layers[0].weights.array();
    CHECK((now == 0.0f || before != 0.0f).all());
    before = now;
  }
  CHECK(nonzeros(run.model()) == 30);
}

TEST_CASE("removed weights that gradients reach come back as they grow") {
  const auto masks = masks_at({.every = 1, .schedule = {.end = 0, .final = 0.5}, .regrow = regrowth::straight_through},
                              5, layer_of(row({0.5f, -3.0f, 0.25f, 1.0f})), {}, {mask_of({1, 0, 1, 0})});
  CHECK(masks[0] == mask_of({0, 1, 0, 1}));
}

TEST_CASE("regrowth by gradient replaces the smallest weights by the largest gradients") {
  // Of 4 kept, half a share of 0.5 is replaced at half of the schedule: 1.
  const gradual_pruning p{.every = 1,
                          .schedule = {.begin = 0, .end = 10, .initial = 0.5, .final = 0.5},
                          .regrow = regrowth::gradient,
                          .regrown = 0.5};
  const auto shadow = layer_of(row({0.5f, -3.0f, 0.25f, 1.0f, 0, 0, 0, 0}));
  const auto gradients = layer_of(row({9, 9, 0, 9, 0.5f, -2.0f, 1.0f, 0}));
  const auto before = mask_of({1, 1, 1, 1, 0, 0, 0, 0});
  CHECK(masks_at(p, 5, shadow, gradients, {before})[0] == mask_of({1, 1, 0, 1, 0, 1, 0, 0}));
  // At its end none, and before the first step none.
  CHECK(masks_at(p, 10, shadow, gradients, {before})[0] == before);
  CHECK(masks_at(p, 0, shadow, gradients, {before})[0] == before);
}

TEST_CASE("weights may be ranked by what the loss grows by without them") {
  const gradual_pruning p{.every = 1, .schedule = {.final = 0.5}, .score = pare::weight_score::curvature};
  const auto shadow = layer_of(row({1.0f, 0.5f, 2.0f, 0.25f}));
  const auto squares = layer_of(row({1.0f, 16.0f, 0.25f, 64.0f}));  // scores 1, 4, 1, 4
  CHECK(pare::detail::next_masks(p, 0, pruning_evidence{shadow, {}, squares, {}}, {mask_of({1, 1, 1, 1})})[0] ==
        mask_of({0, 1, 0, 1}));
  const auto error = [](const pare::optimizer& method) {
    return error_message<pare::value_error>(
        [&] { trained({.optimizer = method, .pruning = {.every = 2, .score = pare::weight_score::curvature}}); });
  };
  CHECK(error(pare::sgd{}) == "pruning by curvature needs an optimizer that keeps the mean square of gradients");
  CHECK(error(pare::rmsprop{}).empty());
}

TEST_CASE("ranking by the bit lets go of weights that are alone in their row and column") {
  mask kept(3, 3);
  for (const auto& [r, c] : {std::pair{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 2}}) kept.set(r, c, true);
  row_major_matrix worth = row_major_matrix::Ones(3, 3);
  pare::detail::divide_by_coded_bits(kept, worth);
  CHECK(1 / worth(0, 0) == Approx(2 + std::log2(1 + 5.0 / 4)));
  CHECK(1 / worth(2, 2) == Approx(2 + std::log2(1 + 5.0 / 1)));
  CHECK(1 / worth(0, 2) == Approx(2 + std::log2(1 + 6.0 / (3 * 2))));
  gradual_pruning p{.every = 1, .schedule = {.initial = 4.0 / 9, .final = 5.0 / 9}, .per_bit = true};
  row_major_matrix w = row_major_matrix::Zero(3, 3);
  w.topLeftCorner(2, 2).setConstant(1.0f);
  w(2, 2) = 1.25f;
  CHECK(!masks_at(p, 1, layer_of(w), {}, {kept})[0].test(2, 2));
  p.per_bit = false;
  CHECK(masks_at(p, 1, layer_of(w), {}, {kept})[0].test(2, 2));
}

TEST_CASE("weights may be ranked by the energy of their inputs, or by a function") {
  const auto shadow = layer_of(row({1.0f, 0.5f, 2.0f, 0.25f}));
  gradual_pruning p{.every = 1, .schedule = {.end = 0, .final = 0.5}, .score = pare::weight_score::input_energy};
  const Eigen::VectorXf energy = Eigen::Vector4f(1, 16, 0.25f, 64);  // scores 1, 4, 1, 4
  CHECK(pare::detail::next_masks(p, 0, pruning_evidence{shadow, {}, {}, {energy}}, {mask_of({1, 1, 1, 1})})[0] ==
        mask_of({0, 1, 0, 1}));
  p.score_by = [](std::size_t layer, const auto& weights, auto& scores) {
    CHECK(layer == 0);
    scores = -weights;
  };
  CHECK(pare::detail::next_masks(p, 0, pruning_evidence{shadow, {}, {}, {}}, {mask_of({1, 1, 1, 1})})[0] ==
        mask_of({0, 1, 0, 1}));
  p.score_by = [](std::size_t, const auto&, auto& scores) { scores.resize(2, 2); };
  CHECK(error_message<pare::shape_error>([&] {
          pare::detail::next_masks(p, 0, pruning_evidence{shadow, {}, {}, {}}, {mask_of({1, 1, 1, 1})});
        }) == "pruning: scores of layer 0 are [2, 2], the weights [1, 4]");
}

namespace {

// A run of the engine with its state at hand.
struct engine_run {
  engine_run(const pare::dataset& data, const pare::training_options& options)
      : model(small_mlp()),
        state(pare::detail::first_state(model, options)),
        engine(model, data.samples(), options, state) {}

  pare::mlp model;
  pare::detail::training_state state;
  pare::detail::training_engine<pare::mlp> engine;
};

}  // namespace

TEST_CASE("what an optimizer remembers of a weight is forgotten when the weight comes back") {
  const auto regrow = GENERATE(regrowth::straight_through, regrowth::gradient);
  const pare::dataset data = make_clouds(96);
  pare::training_options options{.epochs = 30, .batch_size = 16, .learning_rate = 0.05};
  options.pruning = {.every = 6, .schedule = {.begin = 0, .end = 1000, .initial = 0.7, .final = 0.7}, .regrow = regrow};
  engine_run run(data, options);
  index_t returned = 0, with_gradient = 0;
  for (int epoch = 1; epoch <= 30; ++epoch) {
    const std::vector<mask> before = run.state.masks;
    run.engine.run_epoch(data, epoch);  // six steps, at the last of which masks change
    const float most = 1 - std::pow(0.999f, static_cast<float>(run.state.steps));
    for (std::size_t l = 0; l < 2 && epoch > 1; ++l)
      pare::detail::for_each_difference(run.state.masks[l], before[l], [&](index_t i, index_t j) {
        ++returned;
        CHECK(run.state.first[l].weights(i, j) == 0.0f);
        // A square of one gradient of a softmax and clouds within 6 of the origin, as if it had been there from the
        // beginning.
        const float square = run.state.second[l].weights(i, j);
        CHECK(square <= most * 36);
        with_gradient += square > 0;
        if (regrow == regrowth::gradient) CHECK(run.state.values[l].weights(i, j) == 0.0f);
      });
  }
  CHECK(returned > 0);
  CHECK(with_gradient > returned / 2);
}

TEST_CASE("a run ranks by the mean squares of gradients that its optimizer keeps") {
  const pare::dataset data = make_clouds(96);
  pare::training_options options{.epochs = 2, .batch_size = 16, .learning_rate = 0.01};
  engine_run dense(data, options);
  dense.engine.run_epoch(data, 1);
  options.pruning = {.every = 100,
                     .schedule = {.begin = 6, .end = 6, .initial = 0.6, .final = 0.6},
                     .score = pare::weight_score::curvature};
  engine_run pruned(data, options);
  pruned.engine.run_epoch(data, 1);
  std::vector<float> scores;
  for (std::size_t l = 0; l < 2; ++l)
    for (index_t i = 0; i < 60; ++i) {
      const float w = dense.state.values[l].weights.data()[i];
      scores.push_back(w * w * dense.state.second[l].weights.data()[i]);
    }
  std::vector<float> sorted = scores;
  std::sort(sorted.begin(), sorted.end(), std::greater<>{});
  const float least = sorted[static_cast<std::size_t>(pare::kept_count(120, 0.6)) - 1];
  for (std::size_t l = 0; l < 2; ++l)
    for (index_t i = 0; i < 60; ++i) {
      const index_t cols = pruned.state.masks[l].cols();
      CHECK(pruned.state.masks[l].test(i / cols, i % cols) == (scores[60 * l + static_cast<std::size_t>(i)] >= least));
    }
}

TEST_CASE("a run measures the energy of the inputs of every layer") {
  const pare::dataset data = make_clouds(40);
  pare::training_options options{.epochs = 3, .batch_size = 40, .learning_rate = 1e-30, .optimizer = pare::sgd{0.0f}};
  options.pruning = {
      .every = 1000, .schedule = {.begin = 900, .end = 1000, .final = 0.5}, .score = pare::weight_score::input_energy};
  engine_run run(data, options);
  for (int epoch = 1; epoch <= 3; ++epoch) run.engine.run_epoch(data, epoch);
  const Eigen::MatrixXd x = data.inputs.cast<double>();
  const Eigen::MatrixXd h = (run.model.layers[0].weights.cast<double>() * x).cwiseMax(0);
  const Eigen::MatrixXd* const inputs[] = {&x, &h};
  for (std::size_t l = 0; l < 2; ++l) {
    const Eigen::VectorXd mean = inputs[l]->rowwise().squaredNorm() / 40;
    // Sums of 40 squares, each of at most three products, in floats.
    const double most = 60 * float_eps * (1 + mean.maxCoeff()) * 4;
    CHECK((run.state.energy[l].cast<double>() - mean).cwiseAbs().maxCoeff() <= most);
  }
}

TEST_CASE("pruning by what steps measure does not begin before the first of them") {
  const auto message = [](pare::weight_score score, const pare::pruning_schedule& schedule) {
    return error_message<pare::value_error>(
        [&] { trained({.epochs = 4, .pruning = {.every = 2, .schedule = schedule, .score = score}}); });
  };
  for (const auto score : {pare::weight_score::input_energy, pare::weight_score::curvature}) {
    CHECK(message(score, {.end = 4, .initial = 0.5, .final = 0.5}) ==
          "pruning at step 0 by what steps measure, must begin at step 1 or later");
    CHECK(message(score, {.begin = 1, .end = 4, .initial = 0.5, .final = 0.5}).empty());
    CHECK(message(score, {.end = 4, .final = 0.5}).empty());  // removes nothing at step 0
  }
  CHECK(message(pare::weight_score::magnitude, {.end = 4, .initial = 0.5, .final = 0.5}).empty());
}

TEST_CASE("pruning refuses what it cannot do") {
  const auto message = [](const gradual_pruning& p) {
    return error_message<pare::value_error>([&] { pare::detail::validate(p); });
  };
  CHECK(message({.every = -1}) == "pruning every -1 steps, must not be negative");
  CHECK(message({.schedule = {.initial = 0.5, .final = 0.25}}) ==
        "pruning schedule falls from 0.5 to 0.25, must not fall");
  CHECK(message({.regrown = 2}) == "pruning regrown is 2, must be 0 to 1");
  CHECK(message({.schedule = {.begin = 2, .end = 1}}).find("must not be after its end") != std::string::npos);
}

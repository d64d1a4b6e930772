// compress: budgets, losses, recipes, what a search promises, and its report.
#include <pare/compress/compress.hpp>

#include <random>

#include <pare/parallel/thread_pool.hpp>

#include "catch.hpp"
#include "support.hpp"

using pare::accuracy_loss;
using pare::budget;
using pare::index_t;
using pare::layer_setting;
using pare::scheme;

namespace {

// A network of random weights, and inputs about a few centers, one of each ten features being always zero. Labels are
// the network's own answers but for every 20th.
struct task {
  pare::network net{30};
  pare::dataset data;

  explicit task(index_t samples = 240, std::uint32_t seed = 1) {
    std::mt19937 bits(seed);
    std::normal_distribution<float> normal;
    const auto draw = [&](index_t rows, index_t cols) {
      return Eigen::MatrixXf::NullaryExpr(rows, cols, [&] { return normal(bits); }).eval();
    };
    const std::vector<index_t> widths{30, 24, 16, 5};
    for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
      const Eigen::MatrixXf weights = draw(widths[l + 1], widths[l]) / std::sqrt(static_cast<float>(widths[l]));
      const Eigen::MatrixXf bias = draw(widths[l + 1], 1) / 4;
      net.add(pare::linear(pare::pack_dense(weights), bias));
      if (l + 2 < widths.size()) net.add(pare::activation_layer(pare::activation::relu));
    }
    const Eigen::MatrixXf centers = draw(30, 6) * 2, noise = draw(30, samples);
    data.inputs.resize(30, samples);
    for (index_t j = 0; j < samples; ++j) data.inputs.col(j) = centers.col(j % 6) + noise.col(j);
    for (index_t i = 0; i < 30; i += 10) data.inputs.row(i).setZero();
    data.labels = pare::predict(net, data.inputs);
    for (std::size_t j = 0; j < data.labels.size(); j += 20) data.labels[j] = (data.labels[j] + 1) % 5;
    data.classes = 5;
    data.name = "task";
  }

  pare::compression_search search(pare::executor* threads = nullptr) const {
    return pare::compression_search(net, data.inputs, data.labels, {.settings = some_settings(), .threads = threads});
  }

  static std::vector<layer_setting> some_settings() {
    return {{.bits = 2},
            {.bits = 3, .scheme = scheme::symmetric, .group_size = 0},
            {.bits = 4},
            {.bits = 8},
            {.bits = 4, .scheme = scheme::symmetric, .group_size = 0, .sparsity = 0.5},
            {.bits = 3, .scheme = scheme::symmetric, .group_size = 0, .sparsity = 0.8},
            {.bits = 3, .scheme = scheme::symmetric, .group_size = 0, .sparsity = 0.95}};
  }
};

std::size_t bytes_in_file(const pare::network& net) {
  return pare::encode(net, {.coding = pare::coding::small}).size();
}

}  // namespace

TEST_CASE("budgets are kept to the byte, and a larger one never gives worse answers") {
  const task t;
  const pare::compression_search search = t.search();
  for (const pare::bytes_of of : {pare::bytes_of::file, pare::bytes_of::memory}) {
    double error = std::numeric_limits<double>::infinity(), wrong = 1;
    for (std::size_t bytes = 500; bytes <= 3000; bytes += 125) {
      std::optional<pare::compression> small;
      try {
        small = compress(search, budget{bytes, of});
      } catch (const pare::value_error&) {
        CHECK(error == std::numeric_limits<double>::infinity());
        continue;
      }
      const pare::network_report& after = small->report.after;
      CHECK(after.file_bytes == bytes_in_file(small->network));
      CHECK(after.memory_bytes == small->network.bytes());
      CHECK((of == pare::bytes_of::file ? after.file_bytes : after.memory_bytes) <= bytes);
      CHECK(after.answers.error <= error);
      CHECK(after.wrong_of_all <= wrong);
      error = after.answers.error;
      wrong = after.wrong_of_all;
      CHECK(after.answers.error == search.check().measure(small->network).error);
      CHECK(after.wrong_of_all == pare::error_rate(small->network, t.data));
    }
    CHECK(error < 0.01);
  }
}

TEST_CASE("what is found for a budget is no worse than any one setting for all layers") {
  const task t;
  const pare::compression_search search = t.search();
  std::size_t uniform = 0;
  for (const pare::candidate& c : search.tried()) {
    if (std::count(c.settings.begin(), c.settings.end(), c.settings.front()) != std::ssize(c.settings)) continue;
    ++uniform;
    const pare::candidate& best = search.best(budget{c.file_bytes});
    CHECK(best.file_bytes <= c.file_bytes);
    CHECK((best.answers.error <= c.answers.error || best.wrong_of_all < c.wrong_of_all));
  }
  CHECK(uniform >= task::some_settings().size());
}

TEST_CASE("a search gives the same bytes again, and with threads") {
  const task t;
  pare::thread_pool threads(2);
  const budget goal{1200};
  const auto bytes = [&](pare::executor* with) {
    return pare::encode(compress(t.search(with), goal).network, {.coding = pare::coding::small});
  };
  const auto once = bytes(nullptr);
  CHECK(once == bytes(nullptr));
  CHECK(once == bytes(&threads));
}

TEST_CASE("an accuracy loss is kept, by the smallest file that keeps it") {
  const task t;
  const pare::compression_search search = t.search();
  const double before = pare::error_rate(t.net, t.data);
  for (const double points : {2.0, 5.0, 20.0}) {
    const pare::compression small = compress(search, accuracy_loss{points});
    CHECK(100 * (pare::error_rate(small.network, t.data) - before) <= points);
    for (const pare::candidate& c : search.tried())
      if (c.file_bytes < small.report.after.file_bytes) CHECK(search.points_lost(c) > points);
  }
  CHECK_THROWS_AS(compress(search, accuracy_loss{-50}), pare::value_error);
}

TEST_CASE("a latency is kept, and what it costs is said where it cannot be") {
  const task t;
  const pare::compression_search search = t.search();
  CHECK(compress(search, pare::latency{1e6}).report.after.answers.error <= search.best(budget{1 << 20}).answers.error);
  CHECK_THROWS_AS(compress(search, pare::latency{1e-6}), pare::value_error);
}

TEST_CASE("a recipe is followed") {
  const task t;
  const pare::compression_search search = t.search();
  const layer_setting two{.bits = 2}, sparse{.bits = 4, .scheme = scheme::symmetric, .group_size = 0, .sparsity = 0.5};
  const auto bits_of = [](const pare::network& net, std::size_t layer) {
    return std::get<pare::linear>(net.layers()[layer]).weights().format().bits;
  };
  const pare::compression uniform = compress(search, pare::recipe{{two}});
  CHECK(bits_of(uniform.network, 0) == 2);
  CHECK(bits_of(uniform.network, 4) == 2);
  const pare::compression mixed = compress(search, pare::recipe{{sparse, two, {.bits = 8}}});
  CHECK(bits_of(mixed.network, 0) == 4);
  CHECK(bits_of(mixed.network, 2) == 2);
  CHECK(bits_of(mixed.network, 4) == 8);
  CHECK(mixed.report.layers.front().zeros >= 0.5);
  CHECK(error_message<pare::shape_error>([&] {
          compress(search, pare::recipe{{two, two}});
        }) == "there are 2 settings for 3 linear layers");
}

TEST_CASE("the report tells which layer to blame") {
  const task t;
  const pare::compression small = compress(t.search(), pare::recipe{{{.bits = 8}, {.bits = 2}, {.bits = 8}}});
  const pare::compression_report& report = small.report;
  REQUIRE(report.layers.size() == 3);
  CHECK(report.layers[1].layer == 2);
  CHECK(report.layers[1].alone.error > 10 * report.layers[0].alone.error);
  CHECK(report.layers[1].layer_error > 10 * report.layers[2].layer_error);
  CHECK(report.calibration_samples == 180);
  CHECK(report.checked_samples == 60);
  const std::string text = to_text(report);
  CHECK(text.find("Warning: layer 2 has ") != std::string::npos);
  CHECK(text.find("2 bits in groups of 32, two-level") != std::string::npos);
  const std::string svg = to_svg(report);
  CHECK(svg.find("layer 2: 2 bits in groups of 32, two-level") != std::string::npos);
  const auto count = [&](const std::string& tag) {
    std::size_t found = 0;
    for (std::size_t at = svg.find(tag); at != std::string::npos; at = svg.find(tag, at + 1)) ++found;
    return found;
  };
  CHECK(count("<rect ") == 1 + 2 * report.layers.size());
  CHECK(count("<circle ") == 1 + report.tried.size());
  CHECK(to_json(report).find("\"setting\": \"2 bits in groups of 32, two-level\"") != std::string::npos);
}

TEST_CASE("inputs without labels are compared with the network's own answers") {
  const task t;
  const pare::compression small =
      pare::compress(t.net, t.data.inputs, budget{1500}, {.settings = task::some_settings()});
  CHECK(!small.report.has_labels);
  CHECK(small.report.before.wrong_of_all == 0);
  CHECK(small.report.after.file_bytes <= 1500);
}

TEST_CASE("few inputs, and inputs that are all the same or nothing, are worked with and warned of") {
  const task t(12);
  const auto warns = [&](const Eigen::MatrixXf& inputs, const std::string& of) {
    const pare::compression small =
        pare::compress(t.net, inputs, budget{2500}, {.settings = task::some_settings(), .neuron_losses = {0}});
    CHECK(small.report.after.file_bytes <= 2500);
    return to_text(small.report).find(of) != std::string::npos;
  };
  CHECK(warns(t.data.inputs, "say little"));
  CHECK(warns(t.data.inputs.col(0), "say little"));
  CHECK(warns(t.data.inputs.col(0).replicate(1, 40), "are the same"));
  CHECK(warns(Eigen::MatrixXf::Zero(30, 40), "were zero in all calibration inputs"));
}

TEST_CASE("progress is told, and its answer obeyed") {
  const task t;
  std::size_t calls = 0;
  pare::compress_options options{.settings = task::some_settings(), .neuron_losses = {0}};
  options.progress = [&](const pare::compress_progress& p) {
    CHECK(p.done <= p.all);
    return ++calls > 0;
  };
  pare::compress(t.net, t.data, budget{2000}, options);
  CHECK(calls > 10);
  options.progress = [](const pare::compress_progress& p) { return p.done < 3; };
  CHECK_THROWS_AS(pare::compress(t.net, t.data, budget{2000}, options), pare::cancelled);
}

TEST_CASE("compress names what is wrong with its inputs") {
  const task t;
  const auto message = [&](const pare::dataset& data, const pare::goal& goal) {
    return error_message(
        [&] { pare::compress(t.net, data, goal, {.settings = task::some_settings(), .neuron_losses = {0}}); });
  };
  const std::size_t least = t.search().front(pare::bytes_of::file).front()->file_bytes;
  CHECK(error_message([&] { t.search().best(budget{100}); }) ==
        "the budget is 100 bytes, the smallest network found takes " + std::to_string(least));
  pare::dataset bad = t.data;
  bad.inputs(3, 17) = std::numeric_limits<float>::quiet_NaN();
  CHECK(message(bad, budget{2000}) == "feature 3 of sample 17 is nan, must be finite in float");
  bad = t.data;
  bad.labels[7] = 5;
  CHECK(message(bad, budget{2000}) == "label 7 is 5, must be 0 to 4");
  bad = t.data;
  bad.labels.pop_back();
  CHECK(message(bad, budget{2000}) == "there are 239 labels for 240 inputs");
  bad = t.data;
  bad.inputs.resize(30, 0);
  bad.labels.clear();
  CHECK(message(bad, budget{2000}) == "there are no inputs, at least 1 is needed");
  bad.inputs.resize(29, 4);
  CHECK(message(bad, budget{2000}) == "samples have 29 features, the network takes 30");
  CHECK(error_message([&] { pare::compress(pare::network(30), t.data.inputs, budget{100}); }) ==
        "the network has no linear layers to compress");
}

TEST_CASE("networks with one output, a softmax, a residual or a single layer are compressed too") {
  const task t;
  const Eigen::MatrixXf one = Eigen::MatrixXf::Ones(1, 5), none = Eigen::MatrixXf::Zero(1, 1);
  pare::network regression = t.net, probabilities = t.net, skipping(30), single(30);
  regression.add(pare::linear(pare::pack_dense(one), none));
  probabilities.add(pare::activation_layer(pare::activation::softmax));
  const Eigen::MatrixXf square = Eigen::MatrixXf::Random(30, 30), bias = Eigen::MatrixXf::Zero(30, 1);
  skipping.add(pare::linear(pare::pack_dense(square), bias)).add(pare::residual{0});
  single.add(pare::linear(pare::pack_dense(square), bias));
  for (const pare::network* net : {&regression, &probabilities, &skipping, &single}) {
    const pare::compression small =
        pare::compress(*net, t.data.inputs, budget{4000}, {.settings = task::some_settings()});
    CHECK(small.report.after.file_bytes <= 4000);
    CHECK(small.report.after.answers.error < 0.01);
  }
  CHECK(error_message([&] {
          pare::compress(regression, t.data.inputs, accuracy_loss{1}, {.settings = task::some_settings()});
        }) == "the network has 1 output, an accuracy needs one for each class");
  const pare::compression_search logits(t.net, t.data.inputs, t.data.labels, {.settings = task::some_settings()});
  const pare::compression_search softmax(probabilities, t.data.inputs, t.data.labels,
                                         {.settings = task::some_settings()});
  // The same answers, up to the rounding of probabilities to floats.
  CHECK(softmax.tried().front().answers.error == Approx(logits.tried().front().answers.error).epsilon(1e-2));
}

TEST_CASE("the report of a recipe is of all neurons, dead ones too") {
  task t;
  pare::network net(30);
  Eigen::MatrixXf weights = Eigen::MatrixXf::Random(10, 30), bias = Eigen::MatrixXf::Zero(10, 1);
  weights.bottomRows(6).setZero();
  bias.bottomRows(6).setConstant(-1);
  net.add(pare::linear(pare::pack_dense(weights), bias)).add(pare::activation_layer(pare::activation::relu));
  const Eigen::MatrixXf above = Eigen::MatrixXf::Random(5, 10), shift = Eigen::MatrixXf::Zero(5, 1);
  net.add(pare::linear(pare::pack_dense(above), shift));
  const pare::compression_search search(net, t.data.inputs, {}, {.settings = task::some_settings()});
  const pare::compression small = compress(search, pare::recipe{{{.bits = 3}}});
  REQUIRE(small.report.layers.size() == 2);
  CHECK(small.report.layers[0].outputs == 10);
  CHECK(small.report.layers[1].inputs == 10);
  CHECK(small.report.layers[1].layer_error > 0);
  CHECK(compress(search, budget{2000}).report.layers[0].outputs == 4);
}

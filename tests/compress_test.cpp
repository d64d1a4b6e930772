// compress: budgets, losses, recipes, what a search promises, and its report.
#include <pare/compress/compress.hpp>

#include <clocale>
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
            {.bits = 3, .scheme = scheme::symmetric, .group_size = 0, .sparsity = 0.95},
            {.bits = 4, .scheme = scheme::symmetric, .group_size = 0, .sparsity = 0.97}};
  }
};

std::size_t occurrences(const std::string& of, const std::string& in) {
  std::size_t found = 0;
  for (std::size_t at = in.find(of); at != std::string::npos; at = in.find(of, at + 1)) ++found;
  return found;
}

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
      CHECK(after.answers.error == search.data().held_out().measure(small->network).error);
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
    const auto& settings = c.settings;
    if (settings.empty() || std::count(settings.begin(), settings.end(), settings.front()) != std::ssize(settings))
      continue;
    ++uniform;
    const pare::candidate best = search.best(budget{c.file_bytes});
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
      if (c.file_bytes < small.report.after.file_bytes) CHECK(search.data().points_lost(c) > points);
  }
}

TEST_CASE("a latency is kept, and what it costs is said where it cannot be") {
  const task t;
  const pare::compression_search search = t.search();
  const pare::compression_report any = compress(search, pare::latency{1e6, 8}).report;
  CHECK(any.after.answers.error == 0);
  CHECK(any.batch == 8);
  const double all = any.before.microseconds;
  for (const double least : {0.3 * all, 0.6 * all, 0.9 * all}) {
    std::optional<pare::candidate> fast;
    try {
      fast = search.best(pare::latency{least, 8});
    } catch (const pare::value_error&) {  // there may be none
    }
    if (fast) CHECK(make_report(search.data(), *fast, 8).after.microseconds <= least);
  }
  CHECK_THROWS_AS(compress(search, pare::latency{1e-6}), pare::value_error);
}

TEST_CASE("limits are kept exactly") {
  // 1 of 100 inputs more is 1 point, in whichever floating point.
  const task t(100);
  const pare::compression_search search = t.search();
  for (const pare::candidate& c : search.tried()) {
    const double points = search.data().points_lost(c);
    const auto held_out = static_cast<double>(search.data().held_out().samples());
    CHECK((points == std::round(points) || points == 100 * std::round(points * held_out / 100) / held_out));
    if (points < 0) continue;
    const pare::candidate best = search.best(accuracy_loss{points});
    CHECK(best.file_bytes <= c.file_bytes);
    CHECK(search.data().points_lost(best) <= points);
  }
}

TEST_CASE("goals that cannot be are refused before the search") {
  const task t;
  const auto message = [&](const pare::goal& goal) {
    return error_message([&] {
      pare::compress(t.net, t.data, goal, {.progress = [](const pare::compress_progress&) {
                       FAIL("a search began");
                       return true;
                     }});
    });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(message(accuracy_loss{-1}) == "points is -1, must not be negative");
  CHECK(message(accuracy_loss{nan}) == "points is nan, must not be negative");
  CHECK(message(pare::latency{nan}) == "microseconds is nan, must be positive");
  CHECK(message(pare::latency{10, 0}) == "batch is 0, must be at least 1");
  CHECK(error_message<pare::shape_error>([&] { pare::compress(t.net, t.data, pare::recipe{}); }) ==
        "there are 0 settings for 3 linear layers");
  CHECK(message(pare::recipe{{{.bits = 2}, {.bits = 9}, {.bits = 2}}}) == "setting 1: bits is 9, must be 1 to 8");
  const auto option = [&](const pare::compress_options& options) {
    return error_message([&] { pare::compress(t.net, t.data, budget{1000}, options); });
  };
  CHECK(option({.settings = {}}) == "there are no settings, at least 1 is needed");
  CHECK(option({.neuron_losses = {}}) == "there are no neuron_losses, at least 1 is needed");
  CHECK(option({.neuron_losses = {0, 2}}) == "a neuron_loss is 2, must be in [0, 1]");
}

TEST_CASE("candidates that overflow are none to choose") {
  task t;
  t.data.inputs *= 3e37f / t.data.inputs.cwiseAbs().maxCoeff();
  const pare::compression_search search(t.net, t.data.inputs, {},
                                        {.settings = {{.bits = 1, .group_size = 0}, {.bits = 8}}});
  CHECK(compress(search, budget{1 << 20}).report.after.answers.error == 0);
  for (const pare::candidate& c : search.tried()) CHECK(std::isfinite(c.answers.error));
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
  CHECK(report.layers[1].output_error > 10 * report.layers[0].output_error);
  CHECK(report.calibration_samples == 180);
  CHECK(report.checked_samples == 60);
  const std::string text = to_text(report);
  CHECK(text.find("Warning: layer 2 has ") != std::string::npos);
  CHECK(text.find("2 bits in groups of 32, two-level") != std::string::npos);
  const std::string svg = to_svg(report);
  CHECK(svg.find("layer 2: 2 bits in groups of 32, two-level") != std::string::npos);
  CHECK(occurrences("<rect ", svg) == 1 + 2 * report.layers.size());
  CHECK(occurrences("<circle ", svg) == 1 + report.tried.size());
  CHECK(to_json(report).find("\"description\": \"2 bits in groups of 32, two-level\", \"setting\": {\"bits\": 2, "
                             "\"scheme\": \"two_level\", \"group_size\": 32, \"sparsity\": 0}") != std::string::npos);
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
  CHECK(warns(Eigen::MatrixXf::Zero(30, 40), "are the same"));
  Eigen::MatrixXf dark = task().data.inputs;
  dark.topRows(20).setZero();
  CHECK(warns(dark, "21 of 30 inputs of layer 0 were zero in all calibration inputs"));
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
  CHECK(error_message<pare::shape_error>([&] { pare::compress(regression, t.data, budget{4000}); }) ==
        "the network has 1 output, labels need one for each class");
  CHECK(error_message([&] {
          pare::compress(regression, t.data.inputs, accuracy_loss{1}, {.settings = task::some_settings()});
        }) == "the network has 1 output, an accuracy needs one for each class");
  const pare::compression_search logits(t.net, t.data.inputs, t.data.labels, {.settings = task::some_settings()});
  const pare::compression_search softmax(probabilities, t.data.inputs, t.data.labels,
                                         {.settings = task::some_settings()});
  // The same answers, up to the rounding of probabilities to floats.
  CHECK(softmax.tried()[1].answers.error == Approx(logits.tried()[1].answers.error).epsilon(1e-2));
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
  CHECK(small.report.layers[1].output_error > 0);
  CHECK(small.report.neurons_removed == 0);
  const pare::compression_report narrow = compress(search, budget{500}).report;
  CHECK(narrow.layers[0].outputs <= 4);
  CHECK(narrow.neurons_removed >= 6);
  CHECK(to_text(narrow).find(" neurons removed ") != std::string::npos);
  CHECK(to_svg(narrow).find(" neurons removed<") != std::string::npos);
}

TEST_CASE("what removed neurons cost is told apart from what codes cost") {
  const task t;
  const pare::compression_search search(t.net, t.data.inputs, t.data.labels,
                                        {.settings = {{.bits = 8}}, .neuron_losses = {0.3}});
  for (const pare::candidate& c : search.tried()) {
    if (c.settings.empty()) continue;
    const pare::compression_report report = make_report(search.data(), c);
    CHECK(report.neurons_removed > 0);
    CHECK(report.narrowing.error == search.data().held_out().measure(*c.source).error);
    for (const pare::layer_report& l : report.layers) {
      CHECK(l.alone.error < report.narrowing.error / 10);
      CHECK(l.output_error < 1e-3);
    }
    CHECK(pare::detail::shares_of_error(report).narrowing > 0.8);
  }
}

TEST_CASE("the network as it was is what large budgets and strict losses get") {
  const task t;
  const pare::compression_search search = t.search();
  const pare::compression same = compress(search, budget{1 << 20});
  CHECK(pare::encode(same.network) == pare::encode(t.net));
  CHECK(same.report.after.answers.error == 0);
  CHECK(same.report.layers.front().setting == std::nullopt);
  CHECK(same.report.layers.front().bits == 32);
  CHECK(to_text(same.report).find("as it was") != std::string::npos);
  CHECK(same.report.after.file_bytes == same.report.before.file_bytes);
  CHECK(compress(search, accuracy_loss{0}).report.after.wrong_of_all <= same.report.before.wrong_of_all);
}

TEST_CASE("inputs of every kind are held out, though kinds come in turn") {
  const task t;
  Eigen::MatrixXf inputs(30, 80);
  for (index_t j = 0; j < 80; ++j) inputs.col(j).setConstant(static_cast<float>(j % 4));
  const pare::compression_data data(t.net, inputs);
  CHECK(data.held_out().samples() == 20);
  CHECK(data.calibration_inputs().cols() == 60);
  for (const Eigen::MatrixXf& some : {data.held_out().inputs(), data.calibration_inputs()})
    for (int kind = 0; kind < 4; ++kind) CHECK((some.row(0).array() == static_cast<float>(kind)).any());
}

TEST_CASE("a recipe is followed without a search") {
  const task t;
  std::vector<std::string> steps;
  const pare::compression small = pare::compress(t.net, t.data, pare::recipe{{{.bits = 3}}}, {.progress = [&](auto& p) {
                                                   steps.push_back(p.step);
                                                   return true;
                                                 }});
  std::vector<std::string> expected(4, "compressing layers in sequence");
  expected.resize(7, "looking at layers for the report");
  CHECK(steps == expected);
  CHECK(pare::encode(small.network) == pare::encode(compress(t.search(), pare::recipe{{{.bits = 3}}}).network));
  CHECK_THROWS_AS(pare::compress(t.net, t.data, pare::recipe{{{.bits = 3}}},
                                 {.progress = [](const pare::compress_progress& p) { return p.done < 2; }}),
                  pare::cancelled);
}

TEST_CASE("an error that is not finite takes all the blame, and is null in JSON") {
  pare::compression_report report;
  report.layers.resize(2);
  report.layers[0].alone.error = std::numeric_limits<double>::infinity();
  report.layers[1].alone.error = 3;
  CHECK(pare::detail::shares_of_error(report).layers == std::vector<double>{1, 3e-100});
  CHECK(to_json(report).find("\"error\": null") != std::string::npos);
}

TEST_CASE("sensitivities are of each layer and setting alone, in their order, and are drawn") {
  const task t;
  pare::network_compressor compressor(t.net, t.data.inputs);
  const pare::output_check check(t.net, t.data.inputs, t.data.labels);
  const std::vector<layer_setting> settings{{.bits = 2}, {.bits = 8}};
  std::size_t told = 0;
  const auto rows =
      pare::sensitivity(compressor, check, settings, [&](std::size_t done, std::size_t all) { told += done == all; });
  CHECK(told == 1);
  REQUIRE(rows.size() == 6);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i].layer == i / 2 * 2);
    CHECK(rows[i].setting == settings[i % 2]);
    pare::network alone = replace_linear(t.net, [&](std::size_t number, const pare::linear& l) {
      return number == rows[i].layer ? compressor.compress(i / 2, settings[i % 2]).layer : l;
    });
    CHECK(rows[i].answers.error == check.measure(alone).error);
    if (i % 2 == 1) {
      CHECK(rows[i].answers.error < rows[i - 1].answers.error / 100);
      CHECK(rows[i].layer_error < rows[i - 1].layer_error / 100);
      CHECK(rows[i].bytes > rows[i - 1].bytes);
    }
  }
  CHECK(to_text(rows).find("    2  2 bits in groups of 32, two-level") != std::string::npos);
  const std::string svg = to_svg(rows);
  CHECK(occurrences("<circle ", svg) == 3 + rows.size());
  CHECK(svg.find("layer 4<") != std::string::npos);
}

TEST_CASE("reports read the same where numbers have commas") {
  if (std::setlocale(LC_NUMERIC, "de_DE.UTF-8") == nullptr) {
    WARN("no locale with commas is installed");
    return;
  }
  CHECK(pare::detail::fixed(1.25, 1) == "1.2");
  CHECK(pare::detail::json_of(0.5) == "0.5");
  std::setlocale(LC_NUMERIC, "C");
}

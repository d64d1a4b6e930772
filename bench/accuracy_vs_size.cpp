// Accuracy against size and speed: trains a network, or loads one, compresses it over a grid of bits, sparsity and
// neurons, and measures what comes back from each file. A table, and CSV, JSON and SVG files.

#include <filesystem>
#include <iostream>
#include <thread>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <pare/io/pare_file.hpp>
#include <pare/parallel/thread_pool.hpp>
#include <pare/train/convert.hpp>

#include "accuracy_report.hpp"
#include "inputs.hpp"
#include "peers/eigen.hpp"
#include "shrink.hpp"
#include "stopwatch.hpp"

namespace {

using bench::say;
using pare::index_t;

// The larger of the two batches that are timed.
constexpr index_t timed_batch = 64;

struct options {
  std::string data;
  std::string model;
  std::string out = "results";
  int epochs = 15;
  int fine_tune_epochs = 10;
  std::uint64_t seed = 1;
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  bool quick = false;
};

struct grid {
  std::vector<int> bits{32, 8, 6, 4, 3, 2};
  std::vector<double> sparsities{0, 0.5, 0.8, 0.9, 0.95};
  std::vector<double> neurons{1, 0.5};
  bench::timing batch_1{.rounds = 101, .calls = 16};
  bench::timing batch_64{.rounds = 51, .calls = 2};
};

options parse(int argc, char** argv) {
  options chosen;
  CLI::App app("Accuracy of compressed networks against their size and speed");
  app.add_option("--data", chosen.data, "folder of IDX files (default: synthetic digits, drawn by the program)")
      ->check(CLI::ExistingDirectory);
  app.add_option("--model", chosen.model, "trained network to compress, .pare or .safetensors (default: train one)")
      ->check(CLI::ExistingFile);
  app.add_option("--out", chosen.out, "folder for the results")->capture_default_str();
  app.add_option("--epochs", chosen.epochs, "of training")->check(CLI::Range(0, 10000))->capture_default_str();
  app.add_option("--fine-tune-epochs", chosen.fine_tune_epochs, "after pruning and after the removal of neurons")
      ->check(CLI::Range(0, 10000))
      ->capture_default_str();
  app.add_option("--seed", chosen.seed, "of weights, sample order and held-out samples")->capture_default_str();
  app.add_option("--threads", chosen.threads, "for training; what is timed runs on one")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_flag("--quick", chosen.quick, "few epochs, a small grid, short timing: a trial of the program itself");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    std::exit(app.exit(stop));
  }
  if (chosen.quick) {
    if (app.count("--epochs") == 0) chosen.epochs = 3;
    if (app.count("--fine-tune-epochs") == 0) chosen.fine_tune_epochs = 2;
  }
  return chosen;
}

grid grid_of(const options& chosen) {
  if (!chosen.quick) return {};
  return {.bits = {32, 8, 4, 2},
          .sparsities = {0, 0.9},
          .neurons = {1, 0.5},
          .batch_1 = {.rounds = 21, .calls = 8},
          .batch_64 = {.rounds = 11, .calls = 2}};
}

// For training from scratch.
pare::training_options training_of(const options& chosen, pare::executor& threads) {
  pare::training_options training;
  training.epochs = chosen.epochs;
  training.learning_rate = 0.1;
  training.optimizer = pare::sgd{.momentum = 0.9f};
  training.regularization.l2 = 3e-4f;
  training.seed = chosen.seed;
  training.executor = &threads;
  return training;
}

// For fine-tuning. Adam's steps do not grow with the gradients, which suits networks of whatever origin.
pare::training_options tuning_of(const options& chosen, pare::executor& threads) {
  pare::training_options tuning;
  tuning.epochs = chosen.fine_tune_epochs;
  tuning.learning_rate = 1e-3;
  tuning.optimizer = pare::adam{};
  tuning.regularization.l2 = 1e-4f;
  tuning.seed = chosen.seed;
  tuning.executor = &threads;
  return tuning;
}

pare::mlp train_lenet(const pare::dataset_split& data, pare::training_options training) {
  pare::mlp model = pare::make_mlp({data.train.features(), 300, 100, data.train.classes}, training.seed);
  say(fmt::format("Training {}-300-100-{} on {} samples:", data.train.features(), data.train.classes,
                  data.train.samples()));
  training.progress = [](const pare::epoch_report& done) {
    say(fmt::format("  epoch {:2} of {}: loss {:.4f}, {:.1f} s", done.epoch, done.epochs, done.loss, done.seconds));
  };
  train(model, data.train, training);
  return model;
}

// A perceptron that is to be stored with every number of bits.
struct candidate {
  double sparsity = 0;
  double neurons = 1;
  bool tuned = false;
  pare::mlp model;
};

// All of them, from the whole network on. Choices are made on data.test, held out from the training set.
std::vector<candidate> shrink(const pare::mlp& whole, const grid& over, const pare::dataset_split& data,
                              const pare::training_options& tuning) {
  std::vector<candidate> all;
  const auto add = [&](candidate next) {
    say(fmt::format("  {:>3.0f} % of neurons, {:>2.0f} % of weights zero, {:<11} {:6.2f} % wrong of those held out",
                    100 * next.neurons, 100 * next.sparsity,
                    next.tuned ? "fine-tuned:" : "one shot:", 100 * error_rate(next.model, data.test)));
    all.push_back(std::move(next));
  };
  say("Removing neurons and weights:");
  for (const double neurons : over.neurons) {
    const pare::mlp narrow = neurons < 1 ? bench::narrowed(whole, neurons, data) : whole;
    for (const double sparsity : over.sparsities) {
      const pare::pruning_scope among = bench::best_scope(narrow, {sparsity}, data.test);
      candidate next{sparsity, neurons, false, narrow};
      bench::prune_layers(next.model, {sparsity}, among);
      add(next);
      if (sparsity == 0 && neurons == 1) continue;
      next = {sparsity, neurons, true, narrow};
      bench::fine_tune(next.model, {sparsity}, among, data.train, tuning);
      add(next);
    }
  }
  return all;
}

// Without zeros to keep, in groups of 32 with two-level scales, which are the most accurate; with them, symmetric codes
// with a scale per row, as nonzeros with their positions where that takes fewer bytes.
pare::network quantized(const candidate& from, int bits) {
  const pare::network dense = to_network(from.model);
  if (bits == 32) return dense;
  if (from.sparsity == 0) return quantize(dense, {.bits = bits, .scheme = pare::scheme::two_level, .group_size = 32});
  return repack(
      dense,
      [&](const auto& weights) {
        const pare::quantized_codes codes =
            pare::quantize_codes(weights, {.bits = bits, .granularity = pare::granularity::row});
        pare::packed_matrix plain = pack(codes);
        pare::packed_matrix sparse = pack(codes, pare::encoding::sparse);
        return sparse.bytes().size() < plain.bytes().size() ? sparse : plain;
      },
      pare::precision::int8);
}

std::string storage_of(const pare::network& net) {
  std::string names;
  for (const pare::any_layer& each : net.layers()) {
    const auto* linear = std::get_if<pare::linear>(&each);
    if (linear == nullptr) continue;
    const pare::encoding as = linear->weights().format().encoding;
    const std::string name = as == pare::encoding::dense ? "f32" : as == pare::encoding::codes ? "codes" : "sparse";
    if (names.find(name) == std::string::npos) names += (names.empty() ? "" : "+") + name;
  }
  return names;
}

// Stores a network, loads it and tests what was loaded; `reference` are the logits of the f32 network.
bench::result measure(const candidate& from, int bits, const std::filesystem::path& folder, const pare::dataset& test,
                      Eigen::MatrixXf& reference, pare::network& loaded) {
  bench::result row{.bits = bits, .sparsity = from.sparsity, .neurons = from.neurons, .tuned = from.tuned};
  const std::filesystem::path file = folder / (row.name() + ".pare");
  save(quantized(from, bits), file, {.coding = pare::coding::small});
  loaded = pare::load(file);
  row.storage = storage_of(loaded);
  row.memory_bytes = static_cast<std::int64_t>(loaded.bytes());
  row.disk_bytes = static_cast<std::int64_t>(std::filesystem::file_size(file));
  const Eigen::MatrixXf logits = pare::logits_of(loaded, test.inputs);
  if (reference.size() == 0) reference = logits;
  row.test_error = pare::error_rate(logits, test.labels);
  row.output_error = static_cast<double>((logits - reference).norm() / reference.norm());
  return row;
}

// Adds a row for every candidate and number of bits; returns the networks that were loaded, in the same order.
std::vector<pare::network> measure_all(const std::vector<candidate>& candidates, const grid& over,
                                       const std::filesystem::path& folder, const pare::dataset& test,
                                       bench::report& into) {
  std::vector<pare::network> networks;
  Eigen::MatrixXf reference;
  for (const int bits : over.bits) {
    say(bits == 32 ? "Storing, loading and testing: f32" : fmt::format("Storing, loading and testing: {} bits", bits));
    for (const candidate& each : candidates) {
      networks.emplace_back(test.features());
      into.rows.push_back(measure(each, bits, folder, test, reference, networks.back()));
    }
  }
  return networks;
}

// Fills in the times of all networks and of Eigen, measured turn by turn.
void time_all(const std::vector<pare::network>& networks, const pare::mlp& whole, const pare::dataset& test,
              const grid& over, bench::report& into) {
  constexpr index_t batch = timed_batch;
  const Eigen::VectorXf x1 = test.inputs.col(0);
  const Eigen::MatrixXf x64 = test.inputs.leftCols(batch);
  Eigen::VectorXf y1(whole.layers.back().outputs());
  Eigen::MatrixXf y64(y1.size(), batch);
  bench::eigen_mlp<1> eigen_1(whole);
  bench::eigen_mlp<Eigen::Dynamic> eigen_64(whole, batch);
  std::vector<pare::workspace> rooms;
  for (const pare::network& net : networks) rooms.push_back(net.workspace(batch));
  std::vector<bench::contestant> run_1{{[&] { eigen_1.run(x1); }}};
  std::vector<bench::contestant> run_64{{[&] { eigen_64.run(x64); }}};
  for (std::size_t i = 0; i < networks.size(); ++i) {
    run_1.push_back({[&, i] { networks[i].run(x1, y1, rooms[i]); }});
    run_64.push_back({[&, i] { networks[i].run(x64, y64, rooms[i]); }});
  }
  const std::vector<double> us_1 = bench::median_microseconds(run_1, over.batch_1);
  const std::vector<double> us_64 = bench::median_microseconds(run_64, over.batch_64);
  into.eigen_us_1 = us_1[0];
  into.eigen_us_64 = us_64[0] / batch;
  for (std::size_t i = 0; i < networks.size(); ++i) {
    into.rows[i].us_1 = us_1[i + 1];
    into.rows[i].us_64 = us_64[i + 1] / batch;
  }
}

bench::report describe(const options& chosen, const pare::dataset_split& training, const pare::dataset& test,
                       const pare::mlp& whole) {
  bench::report report;
  report.dataset = test.name;
  report.model = chosen.model;
  report.seed = chosen.seed;
  for (const pare::dense_layer& each : whole.layers) report.widths.push_back(each.inputs());
  report.widths.push_back(whole.layers.back().outputs());
  report.training_samples = training.train.samples();
  report.held_out_samples = training.test.samples();
  report.test_samples = test.samples();
  return report;
}

void run(const options& chosen) {
  const auto begin = std::chrono::steady_clock::now();
  const std::filesystem::path out = chosen.out;
  std::filesystem::create_directories(out / "networks");
  const grid over = grid_of(chosen);
  pare::thread_pool threads(chosen.threads);
  const pare::dataset_split data = bench::load_images(chosen.data, chosen.quick ? 2000 : 10000);
  if (data.test.samples() < timed_batch)
    throw pare::value_error(
        fmt::format("the test set has {} samples, timing needs {}", data.test.samples(), timed_batch));
  const pare::dataset_split training =
      hold_out_random(data.train, std::min<index_t>(5000, data.train.samples() / 10), chosen.seed);
  const pare::mlp whole = chosen.model.empty() ? train_lenet(training, training_of(chosen, threads))
                                               : to_mlp(bench::load_model(chosen.model));
  const std::vector<candidate> candidates = shrink(whole, over, training, tuning_of(chosen, threads));

  bench::report report = describe(chosen, training, data.test, whole);
  const std::vector<pare::network> networks = measure_all(candidates, over, out / "networks", data.test, report);
  say("Timing, all in turn, on one thread.\n");
  time_all(networks, whole, data.test, over, report);
  bench::print(report);
  bench::write(report, out);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
  say(fmt::format("\nAll of it took {:.0f} s.", spent.count()));
}

}  // namespace

int main(int argc, char** argv) {
  bench::keep_freed_memory();
  return bench::exit_code("accuracy_vs_size", [&] {
    run(parse(argc, argv));
    return 0;
  });
}

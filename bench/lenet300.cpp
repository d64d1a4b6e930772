// The smallest file of LeNet-300-100: trains, prunes, quantizes and codes it for several seeds, and tests what comes
// back from each file. A table, and CSV, JSON and SVG files.

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <pare/io/pare_file.hpp>
#include <pare/parallel/thread_pool.hpp>

#include "inputs.hpp"
#include "lenet300/recipe.hpp"
#include "lenet300/result.hpp"
#include "stopwatch.hpp"

namespace {

using bench::say;
using pare::index_t;

struct options {
  std::string data;
  std::string out = "results";
  std::string track = "plain";
  std::uint64_t first_seed = 1;
  int seeds = 1;
  std::vector<index_t> budgets{};
  double max_error = 0;
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::optional<double> divergence{};
  bool quick = false;
  bool no_test = false;
  std::vector<std::string> without{};
};

options parse(int argc, char** argv) {
  options chosen;
  CLI::App app("The smallest file of LeNet-300-100 at an error, or the least error in a file of some bytes");
  app.add_option("--data", chosen.data, "folder of IDX files (default: synthetic digits, drawn by the program)")
      ->check(CLI::ExistingDirectory);
  app.add_option("--out", chosen.out, "folder for the results")->capture_default_str();
  app.add_option("--seeds", chosen.seeds, "how many")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--first-seed", chosen.first_seed, "the others follow it")->capture_default_str();
  app.add_option("--track", chosen.track, "plain: the training images as they are; augmented: moved and distorted")
      ->check(CLI::IsMember({"plain", "augmented"}))
      ->capture_default_str();
  auto* const budget = app.add_option("--budget", chosen.budgets,
                                      "bytes that the file may have; several for a file of each (default: 3400)")
                           ->check(CLI::Range(500, 1000000));
  app.add_option("--max-error", chosen.max_error,
                 "percent of held-out images that may be wrong; the smallest file that reaches it")
      ->check(CLI::Range(0.01, 80.0))
      ->excludes(budget);
  app.add_option("--threads", chosen.threads, "for training")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--divergence", chosen.divergence,
                 "its weight in variational dropout: less leaves more weights (default: 3400 / the budget, at most 1)")
      ->check(CLI::Range(0.0, 100.0));
  app.add_flag("--quick", chosen.quick, "few epochs: a trial of the program itself");
  app.add_flag("--no-test", chosen.no_test, "leave the test images alone: a trial of the recipe");
  app.add_option("--without", chosen.without, "steps to leave out, to see what they are worth")
      ->check(CLI::IsMember({"teacher", "variational", "input-dropout", "curvature", "tuning"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    std::exit(app.exit(stop));
  }
  if (chosen.budgets.empty() && chosen.max_error == 0) chosen.budgets = {3400};
  return chosen;
}

bench::recipe recipe_of(const options& chosen) {
  bench::recipe steps;
  if (chosen.quick) {
    steps.teacher_width = 100;
    steps.teacher_epochs = 2;
    steps.variational_epochs = 6;
    steps.pruning_epochs = steps.tuning_epochs = 3;
    steps.sparse_learning_rate = steps.learning_rate;  // so few steps leave next to nothing otherwise
  }
  for (const std::string& step : chosen.without) {
    if (step == "teacher") steps.with_teacher = false;
    if (step == "variational") steps.variational = false;
    if (step == "input-dropout") steps.input_dropout = 0;
    if (step == "curvature") steps.score = pare::weight_score::magnitude;
    if (step == "tuning") steps.tuning_epochs = 0;
  }
  return steps;
}

// Mild enough that a digit stays what it is.
constexpr pare::augmentation movements{.shift = 1.5f, .rotation = 8, .scale = 0.08f, .shear = 4, .elastic = 0.8f};
constexpr index_t augmented_variants = 24;

struct candidate {
  pare::mlp pruned;
  pare::network net;  // the same in few levels
  double error;       // of held-out images
  index_t bytes;
};

candidate shrink(const bench::recipe_run& run, const pare::mlp& from, index_t kept, const pare::dataset& held_out,
                 int part_of_epochs = 1) {
  say(fmt::format("  keeping about {} weights:", kept));
  pare::mlp pruned = run.prune(from, kept, part_of_epochs);
  candidate result{std::move(pruned), pare::network(1), 0, 0};
  result.net = run.quantize(result.pruned);
  result.error = error_rate(result.net, held_out);
  result.bytes = static_cast<index_t>(pare::coded_size(result.net, pare::coding::small));
  say(fmt::format("    {} bytes, {:.2f} % wrong of those held out", result.bytes, 100 * result.error));
  return result;
}

// Less than 1, which was chosen for 3400 bytes, where a budget affords more weights.
double divergence_for(index_t budget) { return std::min(1.0, 3400.0 / static_cast<double>(budget)); }

// A weight costs about 8 bits; how many exactly, a file tells. If the first one leaves room or does not fit, the next
// will be closer: bytes grow by about the 3/4th power of the weights.
candidate fill_budget(const bench::recipe_run& run, const pare::mlp& sparse, index_t budget,
                      const pare::dataset& held_out) {
  constexpr int trials = 3;  // and more only until one fits
  const auto room = static_cast<double>(budget), all = static_cast<double>(nonzero_weights(sparse));
  std::optional<candidate> best;
  double weights = room * 8 / 8.1;
  for (int trial = 1;; ++trial) {
    weights = std::min(weights, all);
    candidate found = shrink(run, sparse, static_cast<index_t>(weights), held_out);
    const auto bytes = static_cast<double>(found.bytes);
    if (found.bytes <= budget && (!best || found.bytes > best->bytes)) best = std::move(found);
    if (best && (trial >= trials || weights == all || static_cast<double>(best->bytes) >= 0.96 * room))
      return std::move(*best);
    weights *= std::pow(0.985 * room / bytes, 4.0 / 3);
  }
}

// Fewer and fewer weights, each time from those before, until too many images are wrong. Throws value_error where too
// many are with all weights.
candidate reach_error(const bench::recipe_run& run, const pare::mlp& sparse, double most,
                      const pare::dataset& held_out) {
  constexpr pare::index_t fewest = 100;
  constexpr int part_of_epochs = 4;  // of each pruning, as there will be several
  candidate best = shrink(run, sparse, nonzero_weights(sparse), held_out, part_of_epochs);
  if (best.error > most)
    throw pare::value_error(
        fmt::format("the largest network has {:.2f} % wrong, --max-error is {:.2f}", 100 * best.error, 100 * most));
  for (index_t kept = nonzero_weights(best.pruned) * 7 / 10; kept > fewest; kept = kept * 7 / 10) {
    candidate next = shrink(run, best.pruned, kept, held_out, part_of_epochs);
    if (next.error > most) break;
    best = std::move(next);
  }
  return best;
}

bench::lenet300_result measure(const candidate& from, const std::filesystem::path& file, const pare::dataset* test) {
  save(from.net, file, {.coding = pare::coding::small});
  const pare::network loaded = pare::load(file);
  const pare::mlp model = to_mlp(loaded);
  bench::lenet300_result row;
  row.validation_error = from.error;
  if (test != nullptr) row.test_error = error_rate(loaded, *test);
  row.bytes = static_cast<std::int64_t>(std::filesystem::file_size(file));
  row.weights = nonzero_weights(model);
  row.widths = std::to_string(pare::compact(model).live_inputs.size());
  for (const pare::dense_layer& layer : model.layers) row.widths += fmt::format("-{}", layer.outputs());
  return row;
}

// Images that are held out of training, to choose by.
index_t held_out_samples(const pare::dataset& train) { return std::min<index_t>(5000, train.samples() / 10); }

// A row for each budget, or the one of the error. What they share is counted in the time of each.
void run_seed(const options& chosen, const bench::recipe& steps, const pare::dataset_split& data, std::uint64_t seed,
              pare::executor& threads, std::vector<bench::lenet300_result>& rows) {
  const auto begin = std::chrono::steady_clock::now();
  say(fmt::format("\nSeed {}:", seed));
  const pare::dataset_split training = hold_out_random(data.train, held_out_samples(data.train), seed);
  const auto side = static_cast<index_t>(std::lround(std::sqrt(static_cast<double>(data.train.features()))));
  std::optional<pare::augmentation_cache<pare::dataset>> augmented;
  bench::recipe_run::images_of_epoch images;
  if (chosen.track == "augmented") {
    augmented.emplace(training.train, pare::image_shape{side, side}, movements, seed, augmented_variants, &threads);
    images = [&](int epoch) -> const pare::dataset& { return augmented->epoch(epoch); };
  }
  const bench::recipe_run run(steps, training, images, seed, threads);
  const double shared_seconds = bench::seconds_since(begin);
  const auto add_row = [&](index_t budget, auto&& find) {
    const auto own = std::chrono::steady_clock::now();
    const candidate found = find();
    const std::string goal = budget > 0 ? std::to_string(budget) : fmt::format("{}%", chosen.max_error);
    const std::filesystem::path file =
        std::filesystem::path(chosen.out) / fmt::format("lenet300-{}-{}.pare", goal, seed);
    bench::lenet300_result row = measure(found, file, chosen.no_test ? nullptr : &data.test);
    row.budget = budget;
    row.seed = seed;
    row.seconds = shared_seconds + bench::seconds_since(own);
    say(fmt::format("  {}: {} bytes, {} % of the test images wrong, {:.0f} s", file.string(), row.bytes,
                    row.test_error ? fmt::format("{:.2f}", 100 * *row.test_error) : "?", row.seconds));
    rows.push_back(std::move(row));
  };
  const auto sparse = [&](double divergence) { return run.make_sparse(chosen.divergence.value_or(divergence)); };
  for (const index_t budget : chosen.budgets)
    add_row(budget, [&] { return fill_budget(run, sparse(divergence_for(budget)), budget, training.test); });
  if (chosen.max_error > 0)
    add_row(0, [&] { return reach_error(run, sparse(1), chosen.max_error / 100, training.test); });
}

// Whether a folder has the name of the data that the published networks are for.
bool is_mnist(const std::filesystem::path& folder) {
  if (folder.empty()) return false;  // drawn digits
  std::string name = std::filesystem::absolute(folder / "").parent_path().filename().string();
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name == "mnist";
}

void run(const options& chosen) {
  std::filesystem::create_directories(chosen.out);
  pare::thread_pool threads(chosen.threads);
  const bench::recipe steps = recipe_of(chosen);
  const pare::dataset_split data = bench::load_images(chosen.data, chosen.quick ? 2000 : 10000);
  bench::lenet300_report report{data.test.name, chosen.track, 0, 0, data.test.samples(), {}};
  report.held_out_samples = held_out_samples(data.train);
  report.training_samples = data.train.samples() - report.held_out_samples;
  for (int i = 0; i < chosen.seeds; ++i)
    run_seed(chosen, steps, data, chosen.first_seed + static_cast<std::uint64_t>(i), threads, report.rows);
  bench::print(report);
  bench::write(report, chosen.out, is_mnist(chosen.data));
}

}  // namespace

int main(int argc, char** argv) {
  return bench::exit_code("lenet300", [&] {
    run(parse(argc, argv));
    return 0;
  });
}

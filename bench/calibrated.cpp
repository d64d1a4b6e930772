// What a few hundred inputs are worth: plain rounding and removal of weights beside the methods that look at what goes
// into a layer, without any training. A table, and CSV and JSON files.

#include <chrono>
#include <filesystem>
#include <iostream>
#include <thread>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <pare/compress/compress.hpp>
#include <pare/io/pare_file.hpp>
#include <pare/parallel/thread_pool.hpp>
#include <pare/train/convert.hpp>
#include <pare/train/evaluate.hpp>
#include <pare/train/trainer.hpp>

#include "calibrated/methods.hpp"
#include "inputs.hpp"
#include "machine.hpp"
#include "output.hpp"
#include "stopwatch.hpp"
#include "table.hpp"

namespace {

using bench::say;
using pare::index_t;

struct options {
  std::string data;
  std::string model;
  std::string out = "results";
  index_t inputs = 512;
  int epochs = 15;
  std::uint64_t seed = 1;
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
};

options parse(int argc, char** argv) {
  options chosen;
  CLI::App app("Compression without training: what methods that look at inputs gain over those that do not");
  app.add_option("--data", chosen.data, "folder of IDX files (default: synthetic digits, drawn by the program)")
      ->check(CLI::ExistingDirectory);
  app.add_option("--model", chosen.model, "trained network, .pare or .safetensors (default: train 784-300-100-10)")
      ->check(CLI::ExistingFile);
  app.add_option("--out", chosen.out, "folder for the results")->capture_default_str();
  app.add_option("--inputs", chosen.inputs,
                 "training images to calibrate with; their labels tell compress how good answers are")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--epochs", chosen.epochs, "of training")->check(CLI::Range(0, 10000))->capture_default_str();
  app.add_option("--seed", chosen.seed, "of the training and of the choice of inputs")->capture_default_str();
  app.add_option("--threads", chosen.threads)->check(CLI::Range(1, 1024))->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    std::exit(app.exit(stop));
  }
  return chosen;
}

pare::network find_model(const options& chosen, const pare::dataset& train, pare::executor& threads) {
  if (!chosen.model.empty()) return bench::load_model(chosen.model);
  say(fmt::format("No --model: training 784-300-100-10 for {} epochs.", chosen.epochs));
  pare::mlp model = pare::make_mlp({train.features(), 300, 100, train.classes}, chosen.seed);
  pare::train(model, train, {.epochs = chosen.epochs, .seed = chosen.seed, .executor = &threads});
  return pare::to_network(model);
}

struct result {
  std::string setting;
  std::string method;
  bool compensates = false;
  double lost = 0;  // points of accuracy
  std::int64_t bytes = 0;
  std::optional<double> seconds{};  // where the network was made by itself
};

std::vector<bench::column<result>> columns() {
  using row = const result&;
  return {
      {"setting", "setting", "{}", [](row r) { return r.setting; }},
      {"method", "method", "{}", [](row r) { return r.method; }},
      {"compensates", "compensates", "{}", [](row r) { return r.compensates ? "yes" : ""; }},
      {"points_lost", "points lost", "{:.2f}", [](row r) { return r.lost; }},
      {"bytes", "bytes", "{}", [](row r) { return r.bytes; }},
      {"seconds", "seconds", "{:.1f}", [](row r) { return bench::cell_of(r.seconds); }},
  };
}

// The least error for the inputs held out, of all networks with the same setting for every layer and all neurons.
pare::candidate best_uniform(const pare::compression_search& search, const pare::budget& room) {
  const pare::candidate* best = nullptr;
  for (const pare::candidate& c : search.tried()) {
    if (c.settings.empty() || c.neuron_loss > 0 || c.in_sequence || c.file_bytes > room.bytes) continue;
    if (std::count(c.settings.begin(), c.settings.end(), c.settings.front()) != std::ssize(c.settings)) continue;
    if (best == nullptr || c.answers.error < best->answers.error) best = &c;
  }
  if (best == nullptr) throw pare::value_error(fmt::format("no setting for all layers takes {} bytes", room.bytes));
  return *best;
}

// Says of all methods that compensate whether they lose less than the first one of their setting, the plain one, where
// that loses anything to speak of.
void compare_with_plain(const std::vector<result>& rows) {
  constexpr double worth_speaking_of = 0.3;
  int all = 0, better = 0;
  for (const result& row : rows) {
    if (!row.compensates) continue;
    const auto plain =
        std::find_if(rows.begin(), rows.end(), [&](const result& r) { return r.setting == row.setting; });
    if (plain->lost <= worth_speaking_of) continue;
    ++all;
    if (row.lost < plain->lost)
      ++better;
    else
      say(fmt::format("{}: {} loses {:.2f} points, {} {:.2f}", row.setting, row.method, row.lost, plain->method,
                      plain->lost));
  }
  say(fmt::format("{} of {} methods that compensate lose less than the plain one, where that loses more than {}.",
                  better, all, worth_speaking_of));
}

bool tell_progress(const pare::compress_progress& now) {
  if (now.done == 0) say("  " + now.step);
  return true;
}

void run(const options& chosen) {
  std::filesystem::create_directories(chosen.out);
  pare::thread_pool threads(chosen.threads);
  const pare::dataset_split data = bench::load_images(chosen.data, 5000);
  const pare::network net = find_model(chosen, data.train, threads);
  const pare::dataset some =
      hold_out_random(data.train, std::min(chosen.inputs, data.train.samples() - 1), chosen.seed).test;
  const pare::calibration seen = pare::calibrate(net, some.inputs, &threads);
  bench::calibrated_network source(net, some.inputs, seen, threads);
  const double whole = error_rate(net, data.test);
  say(fmt::format("{}: {:.2f} % wrong, calibrated with {} inputs", data.test.name, 100 * whole, some.samples()));

  std::vector<result> rows;
  const auto measure = [&](const std::string& setting, const std::string& method, bool compensates, auto&& compress) {
    const auto begin = std::chrono::steady_clock::now();
    const pare::network small = compress();
    const double seconds = bench::seconds_since(begin);
    rows.push_back({setting, method, compensates, 100 * (error_rate(small, data.test) - whole),
                    static_cast<std::int64_t>(pare::coded_size(small, pare::coding::small)), seconds});
    say(fmt::format("  {}, {}: {:.2f} points lost, {} bytes", setting, method, rows.back().lost, rows.back().bytes));
  };
  const auto measure_if_any = [&](const std::string& setting, const std::string& method, auto&& compress) {
    try {
      measure(setting, method, false, compress);
      rows.back().seconds.reset();  // the search made them all
    } catch (const pare::value_error& none) {
      say(fmt::format("  {}, {}: {}", setting, method, none.what()));
    }
  };
  for (const int bits : {4, 3, 2})
    for (const auto& [scheme, name] :
         {std::pair(pare::scheme::symmetric, "symmetric"), {pare::scheme::two_level, "two-level"}})
      for (const bench::rounding_method& method : bench::rounding_methods())
        measure(fmt::format("{} bits, {}", bits, name), method.name, method.compensates,
                [&] { return source.round(bits, scheme, method); });
  for (const double share : {0.5, 0.7, 0.8, 0.9})
    for (const bench::removal_method& method : bench::removal_methods())
      measure(fmt::format("{:.0f} % zeros", 100 * share), method.name, method.compensates,
              [&] { return source.remove(share, method); });

  say("Searching networks for budgets:");
  const auto begin = std::chrono::steady_clock::now();
  const pare::compression_search search(net, some.inputs, some.labels,
                                        {.threads = &threads, .progress = tell_progress});
  say(fmt::format("  {} networks tried in {:.0f} s", search.tried().size(), bench::seconds_since(begin)));
  for (const std::size_t kilobytes : {100, 50, 30, 20, 15}) {
    const std::string setting = fmt::format("{} KB", kilobytes);
    const pare::budget room{1000 * kilobytes};
    measure_if_any(setting, "one setting for all layers", [&] { return best_uniform(search, room).network; });
    measure_if_any(setting, "compress", [&] { return search.best(room).network; });
  }

  std::cout << '\n' << bench::printed_table(columns(), rows);
  compare_with_plain(rows);
  say("\nWritten:");
  const std::filesystem::path folder = chosen.out;
  bench::write_file(folder / "calibrated.csv", bench::csv_table(columns(), rows));
  bench::write_file(folder / "calibrated.json", nlohmann::ordered_json{{"machine", bench::describe_machine()},
                                                                       {"dataset", data.test.name},
                                                                       {"calibration_inputs", some.samples()},
                                                                       {"test_error_percent", 100 * whole},
                                                                       {"rows", bench::json_table(columns(), rows)}}
                                                        .dump(2) +
                                                    "\n");
}

}  // namespace

int main(int argc, char** argv) {
  return bench::exit_code("calibrated", [&] {
    run(parse(argc, argv));
    return 0;
  });
}

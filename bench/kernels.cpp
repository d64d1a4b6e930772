// The multiply in every format, and compression, beside the limits of the machine and beside peers.

#include <CLI/CLI.hpp>

#include "kernels/avx2.hpp"
#include "kernels/batch.hpp"
#include "kernels/cache.hpp"
#include "kernels/compression.hpp"
#include "kernels/memory.hpp"
#include "kernels/mlp.hpp"
#include "kernels/plot.hpp"
#include "kernels/sparse.hpp"
#include "kernels/threads.hpp"
#include "machine.hpp"

namespace {

struct options {
  bench::settings measuring = {};
  std::string only = {};
  std::string out = {};
  bool check = false;
};

const std::vector<std::pair<std::string, void (*)(const bench::settings&, bench::report&)>> groups = {
    {"memory", bench::from_memory},  {"cache", bench::from_cache},
    {"batch", bench::with_batches},  {"sparse", bench::with_zeros},
    {"mlp", bench::with_perceptron}, {"threads", bench::with_two_threads},
    {"avx2", bench::with_avx2},      {"compression", bench::with_compression},
};

options parse(int argc, char** argv) {
  options chosen;
  std::vector<std::string> names;
  for (const auto& [name, run] : groups) names.push_back(name);
  CLI::App app("The multiply in every format, and compression, beside the limits of the machine and beside peers");
  app.add_option("--rounds", chosen.measuring.rounds, "turns of each, of which the median counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--only", chosen.only, "one group of measurements")->check(CLI::IsMember(names));
  app.add_option("--out", chosen.out, "folder for kernels.csv, kernels.json and kernels.svg");
  app.add_flag("--check", chosen.check, "exit with 1 if a goal is missed");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    std::exit(app.exit(stop));
  }
  return chosen;
}

void write(const bench::report& all, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  const nlohmann::ordered_json json = {
      {"machine", bench::describe_machine()},
      {"measurements", bench::json_table(bench::measurement_columns(), all.measurements)},
      {"goals", bench::json_table(bench::goal_columns(), all.goals)}};
  bench::say("\nWritten:");
  bench::write_file(folder / "kernels.csv", bench::csv_table(bench::measurement_columns(), all.measurements));
  bench::write_file(folder / "kernels.json", json.dump(2) + "\n");
  const std::filesystem::path plot = folder / "kernels.svg";
  bench::write_plot(plot, bench::script_of(plot, all));
}

bool run(const options& chosen) {
  bench::report all;
  for (const auto& [name, measure] : groups)
    if (chosen.only.empty() || chosen.only == name) measure(chosen.measuring, all);
  bench::say('\n' + bench::printed_table(bench::measurement_columns(), all.measurements));
  bench::say(bench::printed_table(bench::goal_columns(), all.goals));
  if (!chosen.out.empty()) write(all, chosen.out);
  return std::none_of(all.goals.begin(), all.goals.end(), [](const bench::goal& each) { return each.falls_short(); });
}

}  // namespace

int main(int argc, char** argv) {
  bench::keep_freed_memory();
  return bench::exit_code("kernels", [&] {
    const options chosen = parse(argc, argv);
    return run(chosen) || !chosen.check ? 0 : 1;
  });
}

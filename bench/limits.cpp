// The limits of this machine: memory and cache bandwidth, sums of products of bytes, fused multiply-adds.
#include "limits.hpp"

#include <filesystem>
#include <iostream>

#include <CLI/CLI.hpp>

#include <pare/parallel/thread_pool.hpp>

#include "machine.hpp"
#include "output.hpp"
#include "stopwatch.hpp"
#include "table.hpp"

namespace {

struct limit {
  std::string name;
  double value;  // per second
  std::string unit;
};

// What is timed, and how much of it a turn does.
struct probe {
  std::string name;
  std::string unit;
  double amount;
  std::function<void()> run;
};

// Reads in turn in every way.
void add_reads(std::vector<probe>& all, const std::string& name, const bench::read_probe& memory,
               pare::executor* threads = nullptr, int passes = 1) {
  for (const bench::way_to_read way : bench::ways_to_read)
    all.push_back({name, "GB/s", passes * memory.bytes(), [&memory, threads, passes, way] {
                     for (int i = 0; i < passes; ++i) memory.read(way, threads);
                   }});
}

// The best of those of one name, which follow one another, counts.
std::vector<limit> best(const std::vector<probe>& all, int rounds) {
  std::vector<bench::contestant> contestants;
  for (const probe& each : all) contestants.push_back({each.run});
  const std::vector<double> us = bench::median_microseconds(contestants, {.rounds = rounds, .calls = 1});
  std::vector<limit> limits;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double rate = all[i].amount / us[i] * 1e-3;
    if (limits.empty() || limits.back().name != all[i].name) limits.push_back({all[i].name, rate, all[i].unit});
    limits.back().value = std::max(limits.back().value, rate);
  }
  return limits;
}

std::vector<limit> measure(int rounds) {
  constexpr std::size_t from_memory = std::size_t{320} << 20, from_l2 = std::size_t{256} << 10;
  const bench::read_probe huge(from_memory, bench::pages::huge), small(from_memory, bench::pages::small);
  const bench::read_probe l2(from_l2, bench::pages::huge);
  const bench::product_probe<false> products;
  const bench::product_probe<true> wide_products;
  const bench::multiply_add_probe multiply_adds;
  pare::thread_pool two(2);
  std::vector<probe> all;
  add_reads(all, "memory, 2 MiB pages, 1 thread", huge);
  add_reads(all, "memory, 4 KiB pages, 1 thread", small);
  add_reads(all, "memory, 2 MiB pages, 2 threads", huge, &two);
  add_reads(all, "memory, 4 KiB pages, 2 threads", small, &two);
  add_reads(all, "second-level cache, 256 KiB", l2, nullptr, 64);
  all.push_back({"products of 4-bit codes and bytes", "GOP/s", products.operations(), [&] { products(); }});
  all.push_back({"products of 8-bit codes and bytes", "GOP/s", wide_products.operations(), [&] { wide_products(); }});
  all.push_back({"fused multiply-adds of floats", "GFLOP/s", multiply_adds.operations(), [&] { multiply_adds(); }});
  return best(all, rounds);
}

void run(int rounds, const std::filesystem::path& out) {
  const std::vector<limit> limits = measure(rounds);
  const std::vector<bench::column<limit>> columns = {
      {"limit", "limit", "{}", [](const limit& l) { return l.name; }},
      {"value", "value", "{:.1f}", [](const limit& l) { return l.value; }},
      {"unit", "", "{}", [](const limit& l) { return l.unit; }},
  };
  std::cout << bench::printed_table(columns, limits);
  if (out.empty()) return;
  std::filesystem::create_directories(out);
  bench::write_file(out / "limits.csv", bench::csv_table(columns, limits));
  const nlohmann::ordered_json report = {{"machine", bench::describe_machine()},
                                         {"limits", bench::json_table(columns, limits)}};
  bench::write_file(out / "limits.json", report.dump(2) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The limits of this machine, for one thread unless it says two");
  int rounds = 15;
  std::string out;
  app.add_option("--rounds", rounds, "turns of each, of which the median counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--out", out, "folder for limits.csv and limits.json");
  CLI11_PARSE(app, argc, argv);
  return bench::exit_code("limits", [&] {
    run(rounds, out);
    return 0;
  });
}

// The limits of this machine: memory and cache bandwidth, sums of products of bytes, fused multiply-adds.
#include "limits.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>

#include <pare/parallel/thread_pool.hpp>

#include "machine.hpp"
#include "stopwatch.hpp"
#include "table.hpp"

namespace {

struct limit {
  std::string name;
  double value;  // per second
  std::string unit;
};

std::vector<limit> measure(int rounds) {
  constexpr std::size_t from_memory = std::size_t{320} << 20, from_l2 = std::size_t{256} << 10;
  const bench::read_probe huge(from_memory, bench::pages::huge), small(from_memory, bench::pages::small);
  const bench::read_probe l2(from_l2, bench::pages::huge);
  const bench::product_probe products;
  const bench::multiply_add_probe multiply_adds;
  pare::thread_pool two(2);
  constexpr int l2_passes = 64;
  const std::vector<double> us =
      bench::median_microseconds({[&] { huge(); }, [&] { small(); }, [&] { huge(two); }, [&] { small(two); },
                                  [&] {
                                    for (int i = 0; i < l2_passes; ++i) l2();
                                  },
                                  [&] { products(); }, [&] { multiply_adds(); }},
                                 {.rounds = rounds, .calls = 1});
  const auto rate = [&](std::size_t i, double amount) { return amount / us[i] * 1e-3; };
  return {{"memory, 2 MiB pages, 1 thread", rate(0, huge.bytes()), "GB/s"},
          {"memory, 4 KiB pages, 1 thread", rate(1, small.bytes()), "GB/s"},
          {"memory, 2 MiB pages, 2 threads", rate(2, huge.bytes()), "GB/s"},
          {"memory, 4 KiB pages, 2 threads", rate(3, small.bytes()), "GB/s"},
          {"second-level cache, 256 KiB", rate(4, l2_passes * l2.bytes()), "GB/s"},
          {"products of 4-bit codes and bytes", rate(5, bench::product_probe::operations()), "GOP/s"},
          {"fused multiply-adds of floats", rate(6, bench::multiply_add_probe::operations()), "GFLOP/s"}};
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
  std::ofstream(out / "limits.csv") << bench::csv_table(columns, limits);
  const nlohmann::ordered_json report = {{"machine", bench::describe_machine()},
                                         {"limits", bench::json_table(columns, limits)}};
  std::ofstream(out / "limits.json") << report.dump(2) << '\n';
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
  try {
    run(rounds, out);
  } catch (const std::exception& problem) {
    std::cerr << "limits: " << problem.what() << '\n';
    return 1;
  }
}

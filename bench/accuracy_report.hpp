// What accuracy_vs_size has to say: a table and the goals, CSV, JSON and plots.
#pragma once

#include <optional>

#include "accuracy_plot.hpp"
#include "machine.hpp"
#include "output.hpp"

namespace bench {

// The row of a combination, null where the grid has none.
inline const result* find(const report& all, int bits, double sparsity, double neurons, bool tuned) {
  for (const result& row : all.rows)
    if (row.bits == bits && row.sparsity == sparsity && row.neurons == neurons && row.tuned == tuned) return &row;
  return nullptr;
}

// What compression cost, beside what it may. An imported network has goals of its own, and none for fine-tuning.
inline void print_goals(const report& all) {
  const auto line = [](const std::string& what, const std::string& measured, const std::string& goal, bool met) {
    std::cout << fmt::format("  {:<40} {:>22}", what, measured);
    if (!goal.empty()) std::cout << fmt::format("   goal: {:<16} {}", goal, met ? "met" : "missed");
    std::cout << '\n';
  };
  const auto cost = [&](const std::string& what, const result* row, std::optional<double> most) {
    if (row == nullptr) return;
    const double points = points_between(all.rows.front(), *row);
    line(what, fmt::format("{:.2f} % ({:+.2f} points)", 100 * row->test_error, points),
         most ? fmt::format("at most {:+.2f}", *most) : "", points <= most.value_or(0));
  };
  const bool imported = !all.model.empty();
  const std::optional<double> tuned_goal = imported ? std::nullopt : std::optional(0.3);
  const double base = 100 * all.rows.front().test_error;
  std::cout << "\nTest error of " << all.network() << " on " << all.dataset
            << " (the goals are set for MNIST), and speed:\n";
  line("f32", fmt::format("{:.2f} %", base), imported ? "" : "at most 2.00 %", base <= 2.0);
  cost("8 bits", find(all, 8, 0, 1, false), imported ? 0.1 : 0.05);
  cost("4 bits", find(all, 4, 0, 1, false), imported ? 0.3 : 0.15);
  cost("4 bits, 90 % pruned, fine-tuned", find(all, 4, 0.9, 1, true), tuned_goal);
  cost("f32, half the neurons, fine-tuned", find(all, 32, 0, 0.5, true), tuned_goal);
  cost("4 bits, half the neurons, fine-tuned", find(all, 4, 0, 0.5, true), std::nullopt);
  if (const result* row = find(all, 4, 0, 1, false)) {
    const double speed = all.eigen_us_1 / row->us_1;
    line("4 bits at batch 1, against Eigen in f32", fmt::format("{:.2f} times as fast", speed), "faster", speed > 1);
  }
}

inline void print(const report& all) {
  std::cout << printed_table(columns_of(all), all.rows);
  std::cout << fmt::format(
      "\nzero %: share of weights pruned. neurons %: kept in each hidden layer. ratio: of f32 to this, in memory.\n"
      "points: test error minus that of f32. outputs: relative error of the logits. us: per sample at batch 1 and 64,\n"
      "one thread, {}. Eigen in f32: {:.2f} us at batch 1, {:.2f} us at batch 64.\n",
      name(pare::active_instruction_set()), all.eigen_us_1, all.eigen_us_64);
  print_goals(all);
}

inline nlohmann::ordered_json as_json(const report& all) {
  return {{"machine", describe_machine()},
          {"dataset",
           {{"name", all.dataset},
            {"training_samples", all.training_samples},
            {"held_out_samples", all.held_out_samples},
            {"test_samples", all.test_samples}}},
          {"network", all.network()},
          {"model", all.model.empty() ? "trained here" : all.model},
          {"seed", all.seed},
          {"eigen_f32_us_per_sample_batch_1", all.eigen_us_1},
          {"eigen_f32_us_per_sample_batch_64", all.eigen_us_64},
          {"rows", json_table(columns_of(all), all.rows)}};
}

// CSV, JSON and, if gnuplot is there, plots.
inline void write(const report& all, const std::filesystem::path& folder) {
  say("\nWritten:");
  write_file(folder / "accuracy_vs_size.csv", csv_table(columns_of(all), all.rows));
  write_file(folder / "accuracy_vs_size.json", as_json(all).dump(2) + "\n");
  for (const size_plot& each : {error_plot(folder), latency_plot(folder, all)})
    write_plot(each.file, script_of(each, all));
  say("  " + (folder / "networks").string() + "/NAME.pare");
}

}  // namespace bench

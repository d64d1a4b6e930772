// What lenet300 measures, and how it is told.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include "lenet300/published.hpp"
#include "machine.hpp"
#include "output.hpp"
#include "plot.hpp"
#include "table.hpp"

namespace bench {

// One seed's network, as it came back from its file.
struct lenet300_result {
  std::int64_t budget = 0;  // bytes; 0 where an error was asked for
  std::uint64_t seed = 0;
  double validation_error = 0;         // share
  std::optional<double> test_error{};  // share, looked at once
  std::int64_t bytes = 0;              // of the file
  std::int64_t weights = 0;            // that are not zero
  std::string widths{};                // live inputs and neurons
  double seconds = 0;
};

struct lenet300_report {
  std::string dataset;
  std::string track;
  std::int64_t training_samples = 0;
  std::int64_t held_out_samples = 0;
  std::int64_t test_samples = 0;
  std::vector<lenet300_result> rows;
};

struct spread {
  double mean = 0;
  double deviation = 0;  // of the sample; 0 for a single row
};

inline spread spread_of(const std::vector<double>& values) {
  spread result;
  const auto count = static_cast<double>(values.size());
  for (const double value : values) result.mean += value / count;
  for (const double value : values) result.deviation += std::pow(value - result.mean, 2.0);
  result.deviation = values.size() > 1 ? std::sqrt(result.deviation / (count - 1)) : 0.0;
  return result;
}

// The files of one budget, over all seeds.
struct lenet300_summary {
  std::int64_t budget = 0;
  std::int64_t seeds = 0;
  spread validation_error{}, bytes{}, weights{}, seconds{};  // errors in percent
  std::optional<spread> test_error{};
};

inline lenet300_summary summary_of(const std::vector<lenet300_result>& rows, std::int64_t budget) {
  lenet300_summary result{budget};
  const auto spread_over = [&](auto&& value) {
    std::vector<double> values;
    for (const lenet300_result& row : rows)
      if (row.budget == budget) values.push_back(value(row));
    result.seeds = static_cast<std::int64_t>(values.size());
    return spread_of(values);
  };
  result.validation_error = spread_over([](const lenet300_result& r) { return 100 * r.validation_error; });
  result.bytes = spread_over([](const lenet300_result& r) { return static_cast<double>(r.bytes); });
  result.weights = spread_over([](const lenet300_result& r) { return static_cast<double>(r.weights); });
  result.seconds = spread_over([](const lenet300_result& r) { return r.seconds; });
  if (rows.front().test_error)
    result.test_error = spread_over([](const lenet300_result& r) { return 100 * *r.test_error; });
  return result;
}

// In the order in which the budgets first appear.
inline std::vector<lenet300_summary> summaries_of(const std::vector<lenet300_result>& rows) {
  std::vector<lenet300_summary> result;
  for (const lenet300_result& row : rows)
    if (std::none_of(result.begin(), result.end(), [&](const auto& known) { return known.budget == row.budget; }))
      result.push_back(summary_of(rows, row.budget));
  return result;
}

inline cell percent(const std::optional<double>& share) { return share ? cell(100 * *share) : cell(nullptr); }
inline cell budget_cell(std::int64_t budget) { return budget > 0 ? cell(budget) : cell(nullptr); }

inline std::vector<column<lenet300_result>> lenet300_columns() {
  using row = const lenet300_result&;
  return {
      {"budget", "budget", "{}", [](row r) { return budget_cell(r.budget); }},
      {"seed", "seed", "{}", [](row r) { return static_cast<std::int64_t>(r.seed); }},
      {"validation_error_percent", "held out %", "{:.2f}", [](row r) { return 100 * r.validation_error; }},
      {"test_error_percent", "test %", "{:.2f}", [](row r) { return percent(r.test_error); }},
      {"bytes", "bytes", "{}", [](row r) { return r.bytes; }},
      {"weights", "weights", "{}", [](row r) { return r.weights; }},
      {"widths", "widths", "{}", [](row r) { return r.widths; }},
      {"seconds", "seconds", "{:.0f}", [](row r) { return r.seconds; }},
  };
}

inline std::vector<column<lenet300_summary>> summary_columns() {
  using row = const lenet300_summary&;
  const auto of_test = [](row r, double spread::*part) {
    return r.test_error ? cell((*r.test_error).*part) : cell(nullptr);
  };
  return {
      {"budget", "budget", "{}", [](row r) { return budget_cell(r.budget); }},
      {"seeds", "seeds", "{}", [](row r) { return r.seeds; }},
      {"test_error_percent_mean", "test %", "{:.2f}", [=](row r) { return of_test(r, &spread::mean); }},
      {"test_error_percent_deviation", "+-", "{:.2f}", [=](row r) { return of_test(r, &spread::deviation); }},
      {"validation_error_percent_mean", "held out %", "{:.2f}", [](row r) { return r.validation_error.mean; }},
      {"validation_error_percent_deviation", "+-", "{:.2f}", [](row r) { return r.validation_error.deviation; }},
      {"bytes_mean", "bytes", "{:.0f}", [](row r) { return r.bytes.mean; }},
      {"bytes_deviation", "+-", "{:.0f}", [](row r) { return r.bytes.deviation; }},
      {"weights_mean", "weights", "{:.0f}", [](row r) { return r.weights.mean; }},
      {"seconds_mean", "seconds", "{:.0f}", [](row r) { return r.seconds.mean; }},
  };
}

inline void print(const lenet300_report& all) {
  std::cout << '\n' << printed_table(lenet300_columns(), all.rows);
  std::cout << fmt::format("\nMeans and standard deviations over the seeds, {} track:\n", all.track)
            << printed_table(summary_columns(), summaries_of(all.rows));
}

inline nlohmann::ordered_json as_json(const lenet300_report& all) {
  nlohmann::ordered_json published = nlohmann::ordered_json::array();
  for (const published_network& each : published_networks)
    published.push_back(
        {{"name", each.name}, {"source", each.source}, {"bytes", each.bytes}, {"test_error_percent", each.test_error}});
  return {{"machine", describe_machine()},
          {"dataset", all.dataset},
          {"track", all.track},
          {"training_samples", all.training_samples},
          {"held_out_samples", all.held_out_samples},
          {"test_samples", all.test_samples},
          {"summary", json_table(summary_columns(), summaries_of(all.rows))},
          {"rows", json_table(lenet300_columns(), all.rows)},
          {"published_on_mnist", published}};
}

// Error against bytes: ours, and on MNIST those of papers.
inline std::string script_of(const lenet300_report& all, const std::filesystem::path& file, bool with_published) {
  const bool tested = all.rows.front().test_error.has_value();
  std::string ours, papers, labels;
  double least = with_published ? published_networks.front().bytes : static_cast<double>(all.rows.front().bytes);
  double most = least;
  for (const lenet300_result& row : all.rows) {
    ours += fmt::format("{} {}\n", row.bytes, 100 * row.test_error.value_or(row.validation_error));
    least = std::min(least, static_cast<double>(row.bytes));
    most = std::max(most, static_cast<double>(row.bytes));
  }
  for (const published_network& each : published_networks) {
    papers += fmt::format("{} {}\n", each.bytes, each.test_error);
    if (with_published) most = std::max(most, each.bytes);
    labels += fmt::format("set label {} at {},{} offset 0.8,0.4 font ',10'\n", gnuplot_string(each.name), each.bytes,
                          each.test_error);
  }
  return "set terminal svg size 900,560 font 'sans,13' background '#ffffff'\nset output " +
         gnuplot_string(file.string()) + "\nset title " +
         gnuplot_string("LeNet-300-100 on " + all.dataset + ", " + all.track + " track") +
         " noenhanced\nset xlabel 'bytes of the network'\nset logscale x\n" +
         fmt::format("set xrange [{}:{}]\n", 0.8 * least, 2 * most) + "set ylabel '" + (tested ? "test" : "held-out") +
         " error, %'\n"
         "set xtics nomirror (500, 1000, 2000, 3000, 5000, 10000, 20000, 50000, 100000)\nset ytics nomirror\n"
         "set grid back lt 1 lc rgb '#e4e4e4'\nset border 3 lc rgb '#888888'\nset yrange [0:*]\n" +
         (with_published ? labels : "") + "$ours << EOD\n" + ours + "EOD\n$papers << EOD\n" + papers +
         "EOD\nplot $ours with points pt 7 ps 0.9 lc rgb '#2ca02c' title 'files written here, one for each seed'" +
         (with_published ? ", $papers with points pt 5 ps 0.9 lc rgb '#cc3333' title 'published'\n" : "\n");
}

inline void write(const lenet300_report& all, const std::filesystem::path& folder, bool with_published) {
  say("\nWritten:");
  write_file(folder / "lenet300.csv", csv_table(lenet300_columns(), all.rows));
  write_file(folder / "lenet300.json", as_json(all).dump(2) + "\n");
  const std::filesystem::path plot = folder / "lenet300.svg";
  write_plot(plot, script_of(all, plot, with_published));
}

}  // namespace bench

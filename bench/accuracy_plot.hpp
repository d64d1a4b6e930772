// Plots of what accuracy_vs_size measured.
#pragma once

#include <filesystem>

#include "accuracy_result.hpp"
#include "plot.hpp"

namespace bench {

// How the points of one kind of network look.
struct point_style {
  int bits;
  bool tuned;
  bool narrow;
  std::string color;
  int shape;  // gnuplot's pointtype
};

// Color is the number of bits; circles have all neurons, triangles half of them; filled ones are fine-tuned.
inline std::vector<point_style> point_styles() {
  const std::vector<std::pair<int, std::string>> colors = {{32, "#555555"}, {8, "#3366cc"}, {6, "#1b9e9e"},
                                                           {4, "#2ca02c"},  {3, "#e68a00"}, {2, "#cc3333"}};
  std::vector<point_style> styles;
  for (const auto& [bits, color] : colors)
    for (const bool tuned : {false, true})
      for (const bool narrow : {false, true})
        styles.push_back({bits, tuned, narrow, color, narrow ? (tuned ? 9 : 8) : (tuned ? 7 : 6)});
  return styles;
}

using value_of = std::function<double(const result&)>;

// A plot over bytes in memory.
struct size_plot {
  std::filesystem::path file;
  std::string axis;                            // gnuplot's settings of the other axis
  std::string line;                            // a series drawn first, ending in a comma, or nothing
  std::function<double(const result&)> value;  // along the other axis
};

// A series for every style that has points.
inline std::string script_of(const size_plot& plot, const report& all) {
  std::string blocks;
  std::string series = plot.line;
  std::string key;
  std::int64_t least = all.rows.front().memory_bytes;
  for (const point_style& style : point_styles()) {
    std::string points;
    for (const result& row : all.rows)
      if (row.bits == style.bits && row.tuned == style.tuned && (row.neurons < 1) == style.narrow) {
        points += fmt::format("{} {}\n", row.memory_bytes, plot.value(row));
        least = std::min(least, row.memory_bytes);
      }
    if (points.empty()) continue;
    const std::string block = fmt::format("$bits{}_{:d}_{:d}", style.bits, style.tuned, style.narrow);
    blocks += block + " << EOD\n" + points + "EOD\n";
    series += fmt::format("{} with points pt {} ps 0.8 lw 1.3 lc rgb '{}' notitle, ", block, style.shape, style.color);
    if (!style.tuned && !style.narrow)
      key += fmt::format("NaN with points pt 5 lc rgb '{}' title '{}', ", style.color,
                         style.bits == 32 ? std::string("f32") : fmt::format("{} bits", style.bits));
  }
  return "set terminal svg size 900,560 font 'sans,13' background '#ffffff'\nset output " +
         gnuplot_string(plot.file.string()) + "\nset title " + gnuplot_string(all.network() + " on " + all.dataset) +
         " noenhanced\nset xlabel 'bytes in memory'\nset logscale x\nset format x '%.0s%c'\n" +
         fmt::format("set xrange [{}:{}]\n", least * 4 / 5, all.rows.front().memory_bytes * 5 / 4) +
         "set xtics nomirror (5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, 2000000)\n"
         "set ytics nomirror\nset grid back lt 1 lc rgb '#e4e4e4'\nset border 3 lc rgb '#888888'\n"
         "set key outside right top reverse Left samplen 1\n" +
         plot.axis + blocks + "plot " + series + key +
         "NaN with points pt 6 lc rgb '#000000' title 'all neurons', "
         "NaN with points pt 8 lc rgb '#000000' title 'half of them', "
         "NaN with points pt 7 lc rgb '#000000' title 'filled: fine-tuned'\n";
}

inline size_plot error_plot(const std::filesystem::path& folder) {
  return {folder / "accuracy_vs_size.svg",
          "set ylabel 'test error, %'\nset logscale y\nset ytics (1, 2, 3, 5, 10, 20, 50)\n",
          {},
          [](const result& row) { return 100 * row.test_error; }};
}

inline size_plot latency_plot(const std::filesystem::path& folder, const report& all) {
  return {folder / "latency_vs_size.svg", "set ylabel 'microseconds per sample at batch 1'\nset yrange [0:*]\n",
          fmt::format("{} with lines dt 2 lc rgb '#888888' title 'Eigen, f32', ", all.eigen_us_1),
          [](const result& row) { return row.us_1; }};
}

}  // namespace bench

// A plot of what the benchmark of kernels measured: how near everything comes to the limits of the machine.
#pragma once

#include "../plot.hpp"
#include "measurement.hpp"

namespace bench {

// A horizontal bar for each measurement that has a limit, from top to bottom, with the name of that limit at its end.
inline std::string script_of(const std::filesystem::path& file, const report& all) {
  std::string ours, peers, names, contest;
  int row = 0;
  for (const measurement& each : all.measurements) {
    const std::optional<share>& limit = each.nearest();
    if (!limit) continue;
    if (each.contest != contest) row += contest.empty() ? 0 : 1;  // a gap
    contest = each.contest;
    const std::string place = fmt::format("{} {:.4f} ", row++, limit->fraction);
    (each.library == "pare" ? ours : peers) += place + '\n';
    names += place + fmt::format("\"{}: {} {}\" \"{}\"\n", contest, each.library, each.name, limit->limit);
  }
  const auto block = [](const std::string& name, const std::string& lines) {
    return name + " << EOD\n" + lines + "EOD\n";
  };
  const auto bars = [](const std::string& name, const std::string& color) {
    return fmt::format("${} using (0):1:(0):2:($1-0.4):($1+0.4) with boxxyerror fc rgb '{}' title '{}', ", name, color,
                       name);
  };
  return fmt::format("set terminal svg size 1200,{} font 'sans,11' background '#ffffff'\nset output ", 120 + 16 * row) +
         gnuplot_string(file.string()) +
         "\nset title 'Fraction of the nearest limit of the machine'\nset xrange [0:1.3]\n" +
         fmt::format("set yrange [{}:-1]\n", row) +
         "set style fill solid\nset border 3 lc rgb '#888888'\nset xtics nomirror 0.1 textcolor '#222222'\n"
         "set ytics nomirror noenhanced textcolor '#222222'\nset grid xtics back lt 1 lc rgb '#e4e4e4'\n"
         "set key outside top right horizontal\n" +
         block("$pare", ours) + block("$peers", peers) + block("$names", names) + "plot " + bars("pare", "#3366cc") +
         (peers.empty() ? "" : bars("peers", "#aaaaaa")) +
         "$names using 2:1:4:ytic(3) with labels left offset 0.5,0 font ',9' textcolor '#888888' noenhanced notitle\n";
}

}  // namespace bench

// Plots by gnuplot, a separate program that may not be there.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "output.hpp"

namespace bench {

inline bool has_gnuplot() { return std::system("command -v gnuplot >/dev/null 2>&1") == 0; }

// Runs a script. False if gnuplot fails, which then says why on the standard error.
inline bool run_gnuplot(const std::string& script) {
  std::FILE* const gnuplot = popen("gnuplot", "w");
  if (gnuplot == nullptr) return false;
  const bool written = std::fwrite(script.data(), 1, script.size(), gnuplot) == script.size();
  return pclose(gnuplot) == 0 && written;
}

// Runs a script that writes `file`, and says so, or why not.
inline void write_plot(const std::filesystem::path& file, const std::string& script) {
  if (!has_gnuplot())
    say("  no plot: gnuplot is not installed (Debian: apt-get install gnuplot-nox)");
  else
    say((run_gnuplot(script) ? "  " : "  gnuplot failed: ") + file.string());
}

// A string constant of gnuplot.
inline std::string gnuplot_string(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace bench

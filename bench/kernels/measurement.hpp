// What the benchmark of kernels finds out: how fast things are, and whether that is as fast as is wanted.
#pragma once

#include <optional>

#include "../table.hpp"

namespace bench {

// How near to a limit of the machine something comes.
struct share {
  std::string limit;
  double fraction;
};

struct measurement {
  std::string contest;  // what it was measured side by side with
  std::string library;
  std::string name;
  double us = 0;
  double bytes = 0;
  double operations = 0;
  std::optional<share> of_bandwidth = {};
  std::optional<share> of_peak = {};

  double gigabytes_per_second() const { return bytes * 1e-3 / us; }
  double giga_operations_per_second() const { return operations * 1e-3 / us; }

  // Of the limit that binds it: the one that is nearer.
  const std::optional<share>& nearest() const {
    if (!of_bandwidth || !of_peak) return of_bandwidth ? of_bandwidth : of_peak;
    return of_bandwidth->fraction >= of_peak->fraction ? of_bandwidth : of_peak;
  }
};

// Something that is wanted of a measurement.
struct goal {
  std::string contest;
  std::string name;
  std::string unit;
  double wanted = 0;
  bool at_most = false;
  std::optional<double> measured = {};
  std::string missing = {};  // why it has not been measured

  bool falls_short() const { return measured && (at_most ? *measured > wanted : *measured < wanted); }
  std::string verdict() const {
    if (!measured) return "not measured: " + missing;
    return falls_short() ? "falls short" : "pass";
  }
};

struct report {
  std::vector<measurement> measurements;
  std::vector<goal> goals;
};

inline std::vector<column<measurement>> measurement_columns() {
  using row = const measurement&;
  const auto some = [](double value) { return value > 0 ? cell(value) : cell(nullptr); };
  const auto fraction = [](const std::optional<share>& of) { return of ? cell(of->fraction) : cell(nullptr); };
  return {
      {"contest", "contest", "{}", [](row r) { return r.contest; }},
      {"library", "library", "{}", [](row r) { return r.library; }},
      {"name", "what", "{}", [](row r) { return r.name; }},
      {"microseconds", "us", "{:.2f}", [](row r) { return r.us; }},
      {"gigabytes_per_second", "GB/s", "{:.1f}", [=](row r) { return some(r.gigabytes_per_second()); }},
      {"giga_operations_per_second", "GOP/s", "{:.1f}", [=](row r) { return some(r.giga_operations_per_second()); }},
      {"fraction_of_bandwidth", "of bandwidth", "{:.2f}", [=](row r) { return fraction(r.of_bandwidth); }},
      {"fraction_of_peak", "of peak", "{:.2f}", [=](row r) { return fraction(r.of_peak); }},
      {"limit", "nearest limit", "{}", [](row r) { return r.nearest() ? cell(r.nearest()->limit) : cell(nullptr); }},
  };
}

inline std::vector<column<goal>> goal_columns() {
  using row = const goal&;
  return {
      {"contest", "contest", "{}", [](row g) { return g.contest; }},
      {"name", "goal", "{}", [](row g) { return g.name; }},
      {"measured", "measured", "{:.2f}", [](row g) { return cell_of(g.measured); }},
      {"sense", "", "{}", [](row g) { return std::string(g.at_most ? "at most" : "at least"); }},
      {"wanted", "wanted", "{:.2f}", [](row g) { return g.wanted; }},
      {"unit", "", "{}", [](row g) { return g.unit; }},
      {"verdict", "", "{}", [](row g) { return g.verdict(); }},
  };
}

}  // namespace bench

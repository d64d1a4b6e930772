// A contest: things timed in turn, in one run, so that any two of them can be compared.
#pragma once

#include <algorithm>

#include <fmt/format.h>

#include "../output.hpp"
#include "../product.hpp"
#include "measurement.hpp"

namespace bench {

struct settings {
  int rounds = 21;
};

// The number of something in its contest.
using entry = std::size_t;

// The limits of the machine that apply to something. Of several ways to read memory the fastest counts.
struct bounds {
  std::vector<entry> bandwidth = {};
  std::optional<entry> peak = {};
};

class contest {
 public:
  contest(std::string name, const settings& how, report& into) : name_(std::move(name)), how_(how), into_(into) {}

  // Says so if there is nothing to time.
  entry add(std::string name, job what, const bounds& of = {}) {
    if (!what.missing.empty()) say(fmt::format("{}: leaving out {} {}: {}", name_, what.library, name, what.missing));
    entries_.push_back({.name = std::move(name), .what = std::move(what), .of = of});
    return entries_.size() - 1;
  }

  // Times everything. A turn is `calls` calls.
  void run(int calls = 1) {
    say("Measuring " + name_);
    std::vector<contestant> contestants;
    for (const member& each : entries_)
      if (each.what.missing.empty()) contestants.push_back(each.what.timed);
    const std::vector<std::vector<double>> turns = take_turns(contestants, {.rounds = how_.rounds, .calls = calls});
    std::size_t next = 0;
    for (member& each : entries_)
      if (each.what.missing.empty()) each.us = turns[next++];
    for (const member& each : entries_)
      if (each.what.missing.empty()) into_.measurements.push_back(measured(each));
  }

  // Goals, once everything has been timed.

  void of_bandwidth(entry of, double least) { want_share(of, entries_[of].of.bandwidth, least); }
  void of_peak(entry of, double least) { want_share(of, peak_of(entries_[of]), least); }
  void times_as_fast(entry of, entry other, double least) {
    want({.contest = name_, .name = title(of), .unit = "x " + title(other), .wanted = least}, {of, other},
         [&] { return ratio(entries_[other].us, entries_[of].us); });
  }
  void microseconds(entry of, double most) {
    want({.contest = name_, .name = title(of), .unit = "us", .wanted = most, .at_most = true}, {of},
         [&] { return median(entries_[of].us); });
  }
  void gigabytes_per_second(entry of, double least) {
    want({.contest = name_, .name = title(of), .unit = "GB/s", .wanted = least}, {of},
         [&] { return entries_[of].what.bytes * 1e-3 / median(entries_[of].us); });
  }

 private:
  struct member {
    std::string name;
    job what;
    bounds of;
    std::vector<double> us = {};  // of each round
  };

  // The median of the rounds' ratios: a machine that changes its speed between rounds leaves them as they are.
  static double ratio(const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < a.size(); ++i) ratios.push_back(a[i] / b[i]);
    return median(std::move(ratios));
  }

  double fraction(const member& of, entry limit) const {
    const member& most = entries_[limit];
    const double work =
        most.what.bytes > 0 ? of.what.bytes / most.what.bytes : of.what.operations / most.what.operations;
    return work * ratio(most.us, of.us);
  }

  static std::vector<entry> peak_of(const member& m) {
    return m.of.peak ? std::vector<entry>{*m.of.peak} : std::vector<entry>{};
  }

  // Of the highest of these limits.
  std::optional<share> share_of(const member& of, const std::vector<entry>& limits) const {
    std::optional<share> least;
    for (const entry each : limits) {
      const double part = fraction(of, each);
      if (!least || part < least->fraction) least = share{entries_[each].name, part};
    }
    return least;
  }

  measurement measured(const member& m) const {
    return {.contest = name_,
            .library = m.what.library,
            .name = m.name,
            .us = median(m.us),
            .bytes = m.what.bytes,
            .operations = m.what.operations,
            .of_bandwidth = share_of(m, m.of.bandwidth),
            .of_peak = share_of(m, peak_of(m))};
  }

  std::string title(entry of) const { return entries_[of].what.library + ' ' + entries_[of].name; }

  void want_share(entry of, const std::vector<entry>& limits, double least) {
    const std::string& limit = entries_[limits.front()].name;
    want({.contest = name_, .name = title(of), .unit = "of " + limit.substr(0, limit.find(',')), .wanted = least},
         {of, limits.front()}, [&] { return share_of(entries_[of], limits)->fraction; });
  }

  template <class Measure>
  void want(goal wanted, std::initializer_list<entry> needed, Measure&& measure) {
    for (const entry each : needed)
      if (!entries_[each].what.missing.empty()) wanted.missing = entries_[each].what.missing;
    if (wanted.missing.empty()) wanted.measured = measure();
    into_.goals.push_back(std::move(wanted));
  }

  std::string name_;
  settings how_;
  report& into_;
  std::vector<member> entries_;
};

}  // namespace bench

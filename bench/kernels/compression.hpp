// Pruning and quantizing.
#pragma once

#include <pare/prune/prune.hpp>

#include "problems.hpp"

namespace bench {

inline void with_compression(const settings& how, report& into) {
  const dense_matrix w = random_matrix(large, large, 1);
  dense_matrix scratch = w;
  const auto weights = static_cast<double>(w.size());
  contest all("compression", {.rounds = std::max(std::min(3, how.rounds), how.rounds / 7)}, into);
  const bounds limits{.bandwidth = add_memory(all)};
  const auto add = [&](const std::string& name, contestant timed) {
    return all.add(name, {.library = "pare", .timed = std::move(timed), .bytes = 4 * weights}, limits);
  };
  const entry prune_entry = add("prune to 90 % zeros",
                                {.run = [&] { prune(scratch, pare::sparsity{0.9}); }, .prepare = [&] { scratch = w; }});
  const entry extremes = add("quantize, 4 bits, extremes", {[&] { pare::quantize(w, grouped(4, 32)); }});
  const entry least_error =
      add("quantize, 4 bits, squared error", {[&] { pare::quantize(w, {.bits = 4, .group_size = 32}); }});
  all.run();
  all.gigabytes_per_second(prune_entry, 2);
  all.gigabytes_per_second(extremes, 1.5);
  all.gigabytes_per_second(least_error, 0.3);
}

}  // namespace bench

// The limits of the machine as entries of a contest.
#pragma once

#include "../limits.hpp"
#include "contest.hpp"

namespace bench {

// Reads so many bytes, in every way.
inline std::vector<entry> add_reads(contest& all, const std::string& name, std::size_t bytes,
                                    pare::executor* threads = nullptr, const std::string& missing = {}) {
  const auto probe = std::make_shared<read_probe>(bytes, pages::huge);
  std::vector<entry> added;
  for (const way_to_read way : ways_to_read)
    added.push_back(
        all.add(fmt::format("{}, {}", name, bench::name(way)), {.library = "machine",
                                                                .timed = {[=] { probe->read(way, threads); }},
                                                                .bytes = probe->bytes(),
                                                                .missing = missing}));
  return added;
}

// Sums of products or multiply-adds in registers, on each of the threads, for long enough to hide their start.
template <class Probe>
job peak_job(pare::executor* threads = nullptr) {
  const auto probe = std::make_shared<Probe>();
  if (threads == nullptr)
    return {.library = "machine", .timed = {[probe] { (*probe)(); }}, .operations = Probe::operations()};
  constexpr int calls = 256;
  const auto run = [=] {
    threads->for_each(threads->threads(), [&](int) {
      for (int i = 0; i < calls; ++i) (*probe)();
    });
  };
  return {.library = "machine", .timed = {run}, .operations = threads->threads() * calls * Probe::operations()};
}

inline std::vector<entry> add_memory(contest& all) {
  return add_reads(all, "memory bandwidth", std::size_t{320} << 20);
}
// As many bytes as a matrix of 512 x 1024 with 4 bits has.
inline std::vector<entry> add_cache(contest& all) { return add_reads(all, "cache bandwidth", 288 << 10); }

inline entry add_multiply_adds(contest& all) {
  return all.add("multiply-adds of floats", peak_job<multiply_add_probe>());
}

// The peaks of sums of products of bytes.
struct product_peaks {
  entry narrow;  // codes of up to 7 bits
  entry wide;    // of 8 bits

  entry of(int bits) const { return bits == 8 ? wide : narrow; }
};

inline product_peaks add_products(contest& all) {
  return {all.add("products of 4-bit codes", peak_job<product_probe<false>>()),
          all.add("products of 8-bit codes", peak_job<product_probe<true>>())};
}

}  // namespace bench

// The instruction set avx2 in particular, whichever the machine has besides.
#pragma once

#include "problems.hpp"

namespace bench {

// Forces an instruction set as long as it lives.
class forced {
 public:
  explicit forced(pare::instruction_set isa) : before_(pare::active_instruction_set()) {
    pare::force_instruction_set(isa);
  }
  ~forced() { pare::force_instruction_set(before_); }
  forced(const forced&) = delete;
  forced& operator=(const forced&) = delete;

 private:
  pare::instruction_set before_;
};

inline void with_avx2(const settings& how, report& into) {
  contest all("avx2", how, into);
  std::optional<forced> avx2;
  std::string why;
  const std::vector<pare::instruction_set> available = pare::available_instruction_sets();
  if (std::find(available.begin(), available.end(), pare::instruction_set::avx2) != available.end())
    avx2.emplace(pare::instruction_set::avx2);
  else
    why = "this machine has no avx2";
  const dense_matrix w = random_matrix(large, large, 1);
  const auto add = [&](pare::index_t batch, const bounds& of) {
    const std::string name = fmt::format("4 bits, groups of 32, batch {}", batch);
    job what{.library = "pare", .missing = why};
    if (avx2) what = quantized_job(name, w, random_matrix(large, batch, 2), grouped(4, 32));
    return all.add(name, std::move(what), of);
  };
  const bounds limits{add_memory(all), add_products(all).narrow};
  const entry batch_1 = add(1, limits), batch_128 = add(128, limits);
  all.run();
  all.of_bandwidth(batch_1, 0.8);
  all.of_peak(batch_128, 0.6);
}

}  // namespace bench

// Instruction sets: listing, naming, forcing.
#include <pare/kernels/isa.hpp>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "catch.hpp"
#include "support.hpp"

using pare::instruction_set;
using pare::value_error;

namespace {

bool available(instruction_set isa) {
  const auto list = pare::available_instruction_sets();
  return std::find(list.begin(), list.end(), isa) != list.end();
}

// PARE_ISA with another value, for a while.
class environment {
 public:
  explicit environment(const char* value) {
    if (const char* before = std::getenv("PARE_ISA")) before_ = before;
    setenv("PARE_ISA", value, 1);
  }
  ~environment() { before_.empty() ? unsetenv("PARE_ISA") : setenv("PARE_ISA", before_.c_str(), 1); }

 private:
  std::string before_;
};

}  // namespace

TEST_CASE("the list of instruction sets begins with scalar and rises") {
  const auto list = pare::available_instruction_sets();
  REQUIRE(!list.empty());
  CHECK(list.front() == instruction_set::scalar);
  CHECK(std::is_sorted(list.begin(), list.end()));
  CHECK(std::adjacent_find(list.begin(), list.end()) == list.end());
#if defined(__x86_64__)
  CHECK(!available(instruction_set::neon));
  CHECK(!available(instruction_set::neon_dot));
  if (available(instruction_set::avx512)) CHECK(available(instruction_set::avx2));
  if (available(instruction_set::avx2_vnni)) CHECK(available(instruction_set::avx2));
#elif defined(__aarch64__)
  CHECK(available(instruction_set::neon));
  CHECK(!available(instruction_set::avx2));
#endif
}

TEST_CASE("instruction sets have names") {
  CHECK(name(instruction_set::scalar) == "scalar");
  CHECK(name(instruction_set::avx2) == "avx2");
  CHECK(name(instruction_set::avx2_vnni) == "avx2_vnni");
  CHECK(name(instruction_set::avx512) == "avx512");
  CHECK(name(instruction_set::neon) == "neon");
  CHECK(name(instruction_set::neon_dot) == "neon_dot");
}

TEST_CASE("the instruction set that is forced is active, until another one is") {
  const auto before = pare::active_instruction_set();
  CHECK(available(before));
  for_each_instruction_set([](instruction_set isa) { CHECK(pare::active_instruction_set() == isa); });
  CHECK(pare::active_instruction_set() == before);
}

TEST_CASE("an instruction set that the machine does not have cannot be forced") {
  const auto before = pare::active_instruction_set();
  for (const instruction_set isa : pare::instruction_sets) {
    if (available(isa)) continue;
    CHECK_THROWS_AS(pare::force_instruction_set(isa), value_error);
    CHECK(error_message([&] { pare::force_instruction_set(isa); }) ==
          "the instruction set " + std::string(name(isa)) + " is not available on this machine");
    CHECK(pare::active_instruction_set() == before);
  }
}

TEST_CASE("PARE_ISA names the first one, which is the best without it") {
  using pare::detail::initial_instruction_set;
  for (const instruction_set isa : pare::instruction_sets) {
    const environment forced(std::string(name(isa)).c_str());
    if (available(isa))
      CHECK(initial_instruction_set() == isa);
    else
      CHECK_THROWS_AS(initial_instruction_set(), value_error);
  }
  {
    const environment empty("");
    CHECK(initial_instruction_set() == pare::available_instruction_sets().back());
  }
  const environment unknown("sse9");
  CHECK_THROWS_AS(initial_instruction_set(), value_error);
  CHECK(error_message([] { initial_instruction_set(); }) ==
        "PARE_ISA is 'sse9', must be scalar, avx2, avx2_vnni, avx512, neon or neon_dot");
}

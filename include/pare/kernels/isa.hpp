// The instruction sets that kernels are compiled for: listing, querying and forcing them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <pare/tensor/error.hpp>

namespace pare {

// Later ones are preferred where the machine has them. Results are the same bits with each.
enum class instruction_set {
  scalar,  // plain C++, everywhere
  avx2,    // x86 with AVX2, FMA and F16C
  avx512,  // x86 with AVX-512 F, BW, VL, DQ, VNNI, VBMI and VBMI2
  neon,    // AArch64
};

inline constexpr std::array instruction_sets = {instruction_set::scalar, instruction_set::avx2, instruction_set::avx512,
                                                instruction_set::neon};

constexpr std::string_view name(instruction_set isa) noexcept {
  constexpr std::array<std::string_view, instruction_sets.size()> names = {"scalar", "avx2", "avx512", "neon"};
  return names[static_cast<std::size_t>(isa)];
}

namespace detail {

#if defined(__x86_64__)

// What the CPU has and the operating system saves. CPUID is read directly: __builtin_cpu_supports does not know all
// features on all compilers.
class x86_features {
 public:
  x86_features() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return;
    constexpr unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
    if ((c & (fma | osxsave | avx | f16c)) != (fma | osxsave | avx | f16c)) return;
    const unsigned saved = enabled_states();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    constexpr unsigned avx2_bit = 1u << 5, ymm = 0x6, zmm = 0xe6;
    avx2 = (b & avx2_bit) && (saved & ymm) == ymm;
    constexpr unsigned f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
    constexpr unsigned vbmi = 1u << 1, vbmi2 = 1u << 6, vnni = 1u << 11;
    constexpr unsigned in_b = f | dq | bw | vl, in_c = vbmi | vbmi2 | vnni;
    avx512 = avx2 && (b & in_b) == in_b && (c & in_c) == in_c && (saved & zmm) == zmm;
  }

  bool avx2 = false;
  bool avx512 = false;

 private:
  // XCR0: the register states that the operating system saves.
  static unsigned enabled_states() {
    unsigned low = 0, high = 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
  }
};

#endif

inline bool has(instruction_set isa) {
#if defined(__x86_64__)
  static const x86_features features;
  if (isa == instruction_set::avx2) return features.avx2;
  if (isa == instruction_set::avx512) return features.avx512;
#elif defined(__aarch64__)
  if (isa == instruction_set::neon) return true;
#endif
  return isa == instruction_set::scalar;
}

}  // namespace detail

// The instruction sets that this machine has, scalar first, the best last.
inline std::vector<instruction_set> available_instruction_sets() {
  std::vector<instruction_set> available;
  for (const instruction_set isa : instruction_sets)
    if (detail::has(isa)) available.push_back(isa);
  return available;
}

namespace detail {

inline instruction_set require_available(instruction_set isa) {
  require<value_error>(has(isa), "the instruction set ", name(isa), " is not available on this machine");
  return isa;
}

// The one named by the environment variable PARE_ISA, or the best.
inline instruction_set initial_instruction_set() {
  const char* wanted = std::getenv("PARE_ISA");
  if (wanted == nullptr || *wanted == '\0') return available_instruction_sets().back();
  for (const instruction_set isa : instruction_sets)
    if (name(isa) == wanted) return require_available(isa);
  throw value_error(text("PARE_ISA is '", wanted, "', must be scalar, avx2, avx512 or neon"));
}

inline std::atomic<instruction_set>& current_instruction_set() {
  static std::atomic<instruction_set> current = initial_instruction_set();
  return current;
}

}  // namespace detail

// The instruction set in use: the best one, unless PARE_ISA or force_instruction_set says otherwise.
// Throws value_error at its first call if PARE_ISA names one that is unknown or not there.
inline instruction_set active_instruction_set() {
  return detail::current_instruction_set().load(std::memory_order_relaxed);
}

// From now on, in all threads. Throws value_error if this machine does not have it.
inline void force_instruction_set(instruction_set isa) {
  detail::current_instruction_set().store(detail::require_available(isa), std::memory_order_relaxed);
}

}  // namespace pare

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
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#include <pare/tensor/error.hpp>

// clang has the intrinsics of NEON's dot products in a target region from version 17 on.
#if defined(__aarch64__) && defined(__linux__) && (!defined(__clang__) || __clang_major__ >= 17)
#define PARE_NEON_DOT
#endif

namespace pare {

// Later ones are preferred where the machine has them. Results are the same bits with each.
enum class instruction_set {
  scalar,     // plain C++, everywhere
  avx2,       // x86 with AVX2, FMA and F16C
  avx2_vnni,  // the same with AVX-VNNI
  avx512,     // x86 with AVX-512 F, BW, VL, DQ, VNNI, VBMI and VBMI2
  neon,       // AArch64
  neon_dot,   // the same with the dot product instructions, on Linux by g++, or by clang from version 17 on
};

inline constexpr std::array instruction_sets = {instruction_set::scalar,    instruction_set::avx2,
                                                instruction_set::avx2_vnni, instruction_set::avx512,
                                                instruction_set::neon,      instruction_set::neon_dot};

constexpr std::string_view name(instruction_set isa) noexcept {
  constexpr std::array<std::string_view, instruction_sets.size()> names = {"scalar", "avx2", "avx2_vnni",
                                                                           "avx512", "neon", "neon_dot"};
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
    const unsigned subleaves = a;
    avx512 = avx2 && (b & in_b) == in_b && (c & in_c) == in_c && (saved & zmm) == zmm;
    constexpr unsigned avx_vnni = 1u << 4;
    avx2_vnni = avx2 && subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & avx_vnni);
  }

  bool avx2 = false;
  bool avx2_vnni = false;
  bool avx512 = false;

 private:
  // XCR0: the register states that the operating system saves.
  static unsigned enabled_states() {
    unsigned low = 0, high = 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
  }
};

#elif defined(__aarch64__)

inline bool has_dot_products() {
#if defined(PARE_NEON_DOT)
  constexpr unsigned long asimddp = 1ul << 20;  // HWCAP_ASIMDDP
  return getauxval(AT_HWCAP) & asimddp;
#else
  return false;
#endif
}

#endif

inline bool has(instruction_set isa) {
#if defined(__x86_64__)
  static const x86_features features;
  if (isa == instruction_set::avx2) return features.avx2;
  if (isa == instruction_set::avx2_vnni) return features.avx2_vnni;
  if (isa == instruction_set::avx512) return features.avx512;
#elif defined(__aarch64__)
  if (isa == instruction_set::neon) return true;
  if (isa == instruction_set::neon_dot) return has_dot_products();
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
  throw value_error(text("PARE_ISA is '", wanted, "', must be scalar, avx2, avx2_vnni, avx512, neon or neon_dot"));
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

// The only file that opens target regions: every kernel source is included once per instruction set, in a namespace of
// its own, and the best one that the machine has is chosen at run time. Where PARE_KERNELS_COMPILED is defined, by
// linking the CMake target pare::kernels, that has been done in a library and this header compiles in a fraction of the
// time.
#pragma once

#include <pare/kernels/contract.hpp>
#include <pare/kernels/isa.hpp>

namespace pare::detail {

// The kernels of the active instruction set, in the library.
const kernel_table& compiled_kernels();

}  // namespace pare::detail

#if defined(PARE_KERNELS_COMPILED)

namespace pare::detail {
inline const kernel_table& active_kernels() { return compiled_kernels(); }
}  // namespace pare::detail

#else

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include <pare/kernels/expand_table.hpp>

// g++ 12 warns about undefined registers in its own intrinsics: where they stand, and where they are inlined.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// In the scalar set every word is a loop: inlining and unrolling them all would only cost compile time.
#define PARE_INLINE inline
#define PARE_INLINE_LAMBDA
#define PARE_UNROLL

// A kernel compiled in a translation unit with -march flags may use what those flags allow: the inline namespace keeps
// it apart from the kernels of other translation units.
#if defined(__AVX512F__)
#define PARE_BASELINE baseline_avx512
#elif defined(__AVX2__)
#define PARE_BASELINE baseline_avx2
#elif defined(__AVX__)
#define PARE_BASELINE baseline_avx
#else
#define PARE_BASELINE baseline
#endif

namespace pare::detail {
inline namespace PARE_BASELINE {

#include <pare/tensor/strict_fp_begin.inl>

namespace scalar {
#include <pare/kernels/scalar.inl>
//
#include <pare/kernels/every_kernel.inl>
}  // namespace scalar

#undef PARE_INLINE
#undef PARE_INLINE_LAMBDA
#undef PARE_UNROLL
#define PARE_INLINE [[gnu::always_inline]] inline
#define PARE_INLINE_LAMBDA __attribute__((always_inline))
#define PARE_UNROLL _Pragma("GCC unroll 16")

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif
namespace avx2 {
#include <pare/kernels/avx2.inl>
//
#include <pare/kernels/avx2_sums.inl>
//
#include <pare/kernels/every_kernel.inl>
}  // namespace avx2
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avxvnni,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avxvnni,avx2,fma,f16c")
#endif
namespace avx2_vnni {
#include <pare/kernels/avx2.inl>
//
#include <pare/kernels/avx2_vnni_sums.inl>
//
#include <pare/kernels/every_sum.inl>
inline constexpr kernel_table kernels = with_these_sums(avx2::kernels);
}  // namespace avx2_vnni
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#if defined(__clang__)
#pragma clang attribute push(                                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vbmi2,avx2,fma,f16c"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx512vbmi2,avx2,fma,f16c")
#endif
namespace avx512 {
#include <pare/kernels/avx512.inl>
//
#include <pare/kernels/every_kernel.inl>
}  // namespace avx512
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#elif defined(__aarch64__)

namespace neon {
#include <pare/kernels/neon.inl>
//
#include <pare/kernels/neon_sums.inl>
//
#include <pare/kernels/every_kernel.inl>
}  // namespace neon

// clang has the instructions' intrinsics in such a region from version 17 on.
#if !defined(__clang__) || __clang_major__ >= 17
#define PARE_HAS_NEON_DOT
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
#endif
namespace neon_dot {
#include <pare/kernels/neon.inl>
//
#include <pare/kernels/neon_dot_sums.inl>
//
#include <pare/kernels/every_sum.inl>
inline constexpr kernel_table kernels = with_these_sums(neon::kernels);
}  // namespace neon_dot
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#endif

#include <pare/tensor/strict_fp_end.inl>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

// The kernels of the active instruction set.
inline const kernel_table& active_kernels() {
  switch (active_instruction_set()) {
#if defined(__x86_64__)
    case instruction_set::avx2: return avx2::kernels;
    case instruction_set::avx2_vnni: return avx2_vnni::kernels;
    case instruction_set::avx512: return avx512::kernels;
#elif defined(__aarch64__)
    case instruction_set::neon: return neon::kernels;
#if defined(PARE_HAS_NEON_DOT)
    case instruction_set::neon_dot: return neon_dot::kernels;
#endif
#endif
    default: return scalar::kernels;
  }
}

}  // namespace PARE_BASELINE
}  // namespace pare::detail

#undef PARE_HAS_NEON_DOT
#undef PARE_BASELINE
#undef PARE_UNROLL
#undef PARE_INLINE_LAMBDA
#undef PARE_INLINE

#endif

// Opens the target region of every instruction set, each in a namespace of its own, and includes there its vocabulary
// and the file PARE_EVERY_SET, where that is defined. In there, for each way that the set has of summing products of
// bytes, a namespace has the words for these, if there are several ways, and the file PARE_EVERY_SUM, which has to
// define `kernels`, a table of what is to be called. To be included in a namespace, after intrinsics.hpp.

// g++ 12 warns about undefined registers in its own intrinsics where they are inlined.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

// In the scalar set every word is a loop: inlining and unrolling them all would only cost compile time.
#define PARE_INLINE inline
#define PARE_INLINE_LAMBDA
#define PARE_UNROLL

#include <pare/tensor/strict_fp_begin.inl>

namespace scalar {
#include <pare/kernels/scalar.inl>
//
#if defined(PARE_EVERY_SET)
#include PARE_EVERY_SET
#endif
namespace plain {
#include PARE_EVERY_SUM
}  // namespace plain
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
#if defined(PARE_EVERY_SET)
#include PARE_EVERY_SET
#endif
namespace pairs {
#include <pare/kernels/avx2_sums.inl>
//
#include PARE_EVERY_SUM
}  // namespace pairs
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
namespace avx2::vnni {
#include <pare/kernels/avx2_vnni_sums.inl>
//
#include PARE_EVERY_SUM
}  // namespace avx2::vnni
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
#if defined(PARE_EVERY_SET)
#include PARE_EVERY_SET
#endif
namespace vnni {
#include PARE_EVERY_SUM
}  // namespace vnni
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
#if defined(PARE_EVERY_SET)
#include PARE_EVERY_SET
#endif
namespace pairs {
#include <pare/kernels/neon_sums.inl>
//
#include PARE_EVERY_SUM
}  // namespace pairs
}  // namespace neon

#if defined(PARE_NEON_DOT)
// Flags that have these instructions may have more, which a region would take away.
#if defined(__ARM_FEATURE_DOTPROD)
#elif defined(__clang__)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
#endif
namespace neon::dot_products {
#include <pare/kernels/neon_dot_sums.inl>
//
#include PARE_EVERY_SUM
}  // namespace neon::dot_products
#if defined(__ARM_FEATURE_DOTPROD)
#elif defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#endif

#include <pare/tensor/strict_fp_end.inl>

inline const auto& kernels_of(instruction_set isa) {
  switch (isa) {
#if defined(__x86_64__)
    case instruction_set::avx2: return avx2::pairs::kernels;
    case instruction_set::avx2_vnni: return avx2::vnni::kernels;
    case instruction_set::avx512: return avx512::vnni::kernels;
#elif defined(__aarch64__)
    case instruction_set::neon: return neon::pairs::kernels;
#if defined(PARE_NEON_DOT)
    case instruction_set::neon_dot: return neon::dot_products::kernels;
#else
    case instruction_set::neon_dot: return neon::pairs::kernels;
#endif
#endif
    default: return scalar::plain::kernels;
  }
}

#undef PARE_UNROLL
#undef PARE_INLINE_LAMBDA
#undef PARE_INLINE

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

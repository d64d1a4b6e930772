// The kernels of every instruction set, of which the best one that the machine has is chosen at run time. Where
// PARE_KERNELS_COMPILED is defined, by linking the CMake target pare::kernels, that has been done in a library and this
// header compiles in a fraction of the time.
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

#include <pare/kernels/intrinsics.hpp>

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

#define PARE_EVERY_SET <pare/kernels/common_kernels.inl>
#define PARE_EVERY_SUM <pare/kernels/sum_kernels.inl>
#include <pare/kernels/every_set.inl>
#undef PARE_EVERY_SUM
#undef PARE_EVERY_SET

// The kernels of the active instruction set.
inline const kernel_table& active_kernels() { return kernels_of(active_instruction_set()); }

}  // namespace PARE_BASELINE
}  // namespace pare::detail

#undef PARE_BASELINE

#endif

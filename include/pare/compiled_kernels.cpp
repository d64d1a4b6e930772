// A source of the CMake target pare::kernels: the kernels. For another build system: compile it and compiled_files.cpp,
// and define PARE_KERNELS_COMPILED for these and all others.
#undef PARE_KERNELS_COMPILED
#include <pare/kernels/dispatch.hpp>

const pare::detail::kernel_table& pare::detail::compiled_kernels() { return active_kernels(); }

// What the CMake target pare::kernels compiles once: the kernels, and the reading and writing of files. For another
// build system: compile this file, and the others with -DPARE_KERNELS_COMPILED.
#include <pare/io/pare_file.hpp>
#include <pare/kernels/dispatch.hpp>

namespace pare::detail {

const kernel_table& compiled_kernels() { return active_kernels(); }

void compiled_save(const network& net, const std::filesystem::path& file, const save_options& options) {
  save(net, file, options);
}
network compiled_load(const std::filesystem::path& file) { return load(file); }
void compiled_verify(const std::filesystem::path& file) { verify(file); }

}  // namespace pare::detail

// What the CMake target pare::kernels compiles once: the kernels, and the reading and writing of files. For another
// build system: compile this file, and the others with -DPARE_KERNELS_COMPILED.
#include <pare/io/pare_reader.hpp>
#include <pare/io/pare_writer.hpp>
#include <pare/kernels/dispatch.hpp>

namespace pare::detail {

const kernel_table& compiled_kernels() { return active_kernels(); }

void compiled_save(const network& net, const std::filesystem::path& file, const save_options& options) {
  write_pare(net, file, options);
}
network compiled_load(const std::filesystem::path& file) { return read_pare(file); }
void compiled_verify(const std::filesystem::path& file) { verify_pare(file); }

}  // namespace pare::detail

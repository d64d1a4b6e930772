// A source of the CMake target pare::kernels: the reading and writing of the library's own files.
#include <pare/io/pare_file.hpp>
#include <pare/io/pare_reader.hpp>
#include <pare/io/pare_writer.hpp>

namespace pare::detail {

void compiled_save(const network& net, const std::filesystem::path& file, const save_options& options) {
  write_pare(net, file, options);
}
std::vector<std::byte> compiled_encode(const network& net, const save_options& options) {
  return encode_pare(net, options);
}
std::size_t compiled_coded_size(const network& net, coding how) { return size_of_coded(net, how); }
network compiled_load(const std::filesystem::path& file) { return read_pare(file); }
network compiled_load(std::span<const std::byte> file) { return read_pare(file); }
void compiled_verify(const std::filesystem::path& file) { verify_pare(file); }

}  // namespace pare::detail

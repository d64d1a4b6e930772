// A source of the CMake target pare::kernels: the reading and writing of the library's own files.
#include <pare/io/pare_file.hpp>
#include <pare/io/pare_reader.hpp>
#include <pare/io/pare_writer.hpp>

namespace pare::detail::library {

void write_pare(const network& net, const std::string& file, const save_options& options) {
  detail::write_pare(net, file, options);
}
std::vector<std::byte> encode_pare(const network& net, const save_options& options) {
  return detail::encode_pare(net, options);
}
std::size_t size_of_coded(const network& net, coding how) { return detail::size_of_coded(net, how); }
network read_pare(const std::string& file) { return detail::read_pare(file); }
network read_pare(std::span<const std::byte> file) { return detail::read_pare(file); }
std::vector<float> input_of_pare(const std::string& file) { return detail::input_of_pare(file); }
void verify_pare(const std::string& file) { detail::verify_pare(file); }

}  // namespace pare::detail::library

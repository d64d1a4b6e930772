// A libFuzzer target: any bytes as a .pare file of any coding. What is loaded must run, and must come back the same
// from every coding that it can be saved in.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <Eigen/Core>

#include <pare/io/coded_file.hpp>
#include <pare/io/pare_file.hpp>
#include <pare/tensor/eigen.hpp>

#include "../networks.hpp"
#include "harness.hpp"

namespace {

// With the checksum set right where a header has room for one, since nobody guesses it.
std::vector<std::byte> with_checksum(std::span<const std::byte> given) {
  std::vector<std::byte> bytes(given.begin(), given.end());
  pare::detail::coded_header coded;
  if (bytes.size() < sizeof coded) return bytes;
  std::memcpy(&coded, bytes.data(), sizeof coded);
  if (coded.prefix.coding != pare::coding::mapped) {
    coded.checksum = pare::detail::checksum_of(coded, std::span(bytes).subspan(sizeof coded));
    std::memcpy(bytes.data(), &coded, sizeof coded);
    return bytes;
  }
  pare::detail::file_header header;
  if (bytes.size() < sizeof header) return bytes;
  std::memcpy(&header, bytes.data(), sizeof header);
  header.checksum = 0;
  std::memcpy(bytes.data(), &header, sizeof header);
  pare::detail::checksum sum;
  sum.add(bytes);
  header.checksum = sum.value();
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

void check_round_trip(const pare::network& net, pare::coding how) {
  std::vector<std::byte> bytes;
  try {
    bytes = pare::encode(net, {.coding = how});
  } catch (const pare::value_error&) {
    return;  // too large for its coded size, or not packed by pack
  }
  if (pare::encode(pare::load(bytes), {.coding = how}) != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::memory_limit limit(fuzz::most_memory(size));
  try {
    const auto file = with_checksum(std::as_bytes(std::span(data, size)));
    const pare::network net = pare::load(file);
    outputs_of(net, Eigen::MatrixXf::Ones(net.inputs(), 1));
    for (const pare::coding how : {pare::coding::mapped, pare::coding::small, pare::coding::fast})
      check_round_trip(net, how);
  } catch (const pare::format_error&) {
  }
  return 0;
}

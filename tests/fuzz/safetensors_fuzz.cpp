// A libFuzzer target: any bytes as a safetensors file, and as the index of one. What is read is written back the same
// from what was read, and what is a perceptron runs.
#include <pare/io/safetensors.hpp>

#include "../networks.hpp"
#include "harness.hpp"

namespace {

void check_round_trip(const pare::safetensors_file& file) {
  const fuzz::scratch_file first({}, "first.safetensors"), second({}, "second.safetensors");
  pare::save_safetensors(file.tensors(), first.path(), file.metadata());
  const pare::safetensors_file again(first.path());
  pare::save_safetensors(again.tensors(), second.path(), again.metadata());
  if (fuzz::contents(first.path()) != fuzz::contents(second.path())) std::abort();
  if (again.tensors().size() != file.tensors().size() || again.metadata() != file.metadata()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::scratch_file file({data, size}, "net.safetensors"), index({data, size}, "net.safetensors.index.json");
  const fuzz::memory_limit limit(fuzz::most_memory(size));
  try {
    pare::safetensors_file{index.path()};
  } catch (const pare::error&) {
  }
  try {
    check_round_trip(pare::safetensors_file(file.path()));
    const pare::network net = pare::load_safetensors(file.path());
    outputs_of(net, Eigen::MatrixXf::Ones(net.inputs(), 1));
  } catch (const pare::error&) {
  }
  return 0;
}

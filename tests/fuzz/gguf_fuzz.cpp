// A libFuzzer target: any bytes as a GGUF file. What is read is written back the same from what was read, and every
// matrix and vector stands for something.
#include <pare/io/gguf.hpp>

#include "harness.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::scratch_file file({data, size}, "x.gguf"), first({}, "first.gguf"), second({}, "second.gguf");
  const fuzz::memory_limit limit(fuzz::most_memory(size));
  try {
    const pare::gguf_file read(file.path());
    for (const pare::gguf_tensor& tensor : read.tensors()) {
      if (tensor.shape.size() == 1) read.vector(tensor.name);
      if (tensor.shape.size() == 2) read.matrix(tensor.name);
    }
    for (const auto& [key, value] : read.metadata())
      if (value.type() == pare::gguf_value_type::array) value.elements();
    pare::save_gguf(read.metadata(), read.tensors(), first.path());
    const pare::gguf_file again(first.path());
    if (again.metadata() != read.metadata() || again.tensors().size() != read.tensors().size()) std::abort();
    pare::save_gguf(again.metadata(), again.tensors(), second.path());
    if (fuzz::contents(first.path()) != fuzz::contents(second.path())) std::abort();
  } catch (const pare::error&) {
  }
  return 0;
}

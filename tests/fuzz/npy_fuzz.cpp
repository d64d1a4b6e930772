// A libFuzzer target: any bytes as an NPY file. Numbers that are read come back from the file that they are written to.
#include <pare/io/npy.hpp>

#include "harness.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::scratch_file file({data, size}, "x.npy"), copy({}, "copy.npy");
  const fuzz::memory_limit limit(fuzz::most_memory(size));
  try {
    const pare::npy_array array = pare::read_npy(file.path());
    pare::save_npy(array.values, copy.path());
    const pare::npy_array again = pare::read_npy(copy.path());
    if (again.values.rows() != array.values.rows() || again.values.cols() != array.values.cols()) std::abort();
    // Eigen walks the columns of a matrix without rows, of which there may be very many.
    if (array.values.size() > 0 && again.values != array.values) std::abort();
  } catch (const pare::error&) {
  }
  return 0;
}

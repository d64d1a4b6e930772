// A libFuzzer target: any bytes as images and as labels in an IDX file, plain or compressed.
#include <pare/io/idx.hpp>

#include "harness.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::scratch_file file({data, size}, "x.idx");
  const fuzz::memory_limit limit(fuzz::most_memory(size));
  try {
    const Eigen::MatrixXf images = pare::read_idx_images(file.path());
    if (images.size() == 0 || images.minCoeff() < 0 || images.maxCoeff() > 1) std::abort();
  } catch (const pare::error&) {
  }
  try {
    if (pare::read_idx_labels(file.path()).empty()) std::abort();
  } catch (const pare::error&) {
  }
  return 0;
}

// The peer Eigen: a perceptron in 32-bit floats, as somebody who uses Eigen would write it with care.
#pragma once

#include <pare/train/mlp.hpp>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace bench {

// Eigen's products pack into memory that they allocate and free each time. Where glibc hands it back to the system,
// page faults make a product up to five times slower: this keeps it.
inline void keep_freed_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

// Runs batches of `Batch` samples (Eigen::Dynamic: of the size given). Nothing is allocated in a run but what Eigen's
// products take for packing.
template <int Batch>
class eigen_mlp {
 public:
  using matrix = Eigen::Matrix<float, Eigen::Dynamic, Batch>;

  explicit eigen_mlp(const pare::mlp& model, pare::index_t batch = Batch) : layers_(model.layers) {
    for (const pare::dense_layer& layer : layers_) outputs_.emplace_back(layer.outputs(), batch);
  }

  // x [inputs, batch] to the logits [outputs, batch].
  const matrix& run(const matrix& x) {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      outputs_[i].noalias() = layers_[i].weights * (i == 0 ? x : outputs_[i - 1]);
      outputs_[i].colwise() += layers_[i].bias;
      pare::detail::activate(layers_[i].function, outputs_[i]);
    }
    return outputs_.back();
  }

 private:
  std::vector<pare::dense_layer> layers_;
  std::vector<matrix> outputs_;
};

}  // namespace bench

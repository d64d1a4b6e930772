// The peer Eigen, in 32-bit floats: products, and a perceptron as somebody who uses Eigen would write it with care.
#pragma once

#include <Eigen/SparseCore>

#include <pare/train/mlp.hpp>

#include "../rotated.hpp"

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

// y = W x for dense W, row by row in memory, or for sparse W.
template <class Matrix>
class eigen_product {
 public:
  eigen_product(const Matrix& w, const Eigen::MatrixXf& x, std::size_t bytes, std::size_t least_bytes)
      : x_(x), y_(w.rows(), x.cols()), matrices_(bytes, least_bytes, [&] { return w; }) {}

  void operator()() {
    if (x_.cols() == 1)
      y_.col(0).noalias() = matrices_.next() * x_.col(0);
    else
      y_.noalias() = matrices_.next() * x_;
  }

  const Eigen::MatrixXf& y() const { return y_; }

 private:
  Eigen::MatrixXf x_;
  Eigen::MatrixXf y_;
  rotated<Matrix> matrices_;
};

using eigen_dense = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using eigen_sparse = Eigen::SparseMatrix<float, Eigen::RowMajor>;

}  // namespace bench

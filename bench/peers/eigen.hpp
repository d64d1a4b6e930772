// The peer Eigen, in 32-bit floats: products, and a perceptron as somebody who uses Eigen would write it with care.
#pragma once

#include <memory>

#include <Eigen/SparseCore>

#include <pare/train/mlp.hpp>

#include "../product.hpp"
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

namespace detail {

// Of a dense or a sparse matrix with so many numbers that are stored, in so many bytes.
template <class Matrix>
product eigen_product(const Matrix& w, const Eigen::MatrixXf& x, std::size_t stored, std::size_t bytes,
                      rounding rounds) {
  struct state {
    rotated<Matrix> matrices;
    Eigen::MatrixXf x, y;
  };
  const auto all = std::make_shared<state>(
      state{{bytes, more_than_caches, [&] { return w; }}, x, Eigen::MatrixXf(w.rows(), x.cols())});
  const auto run = [all] {
    if (all->x.cols() == 1)
      all->y.col(0).noalias() = all->matrices.next() * all->x.col(0);
    else
      all->y.noalias() = all->matrices.next() * all->x;
  };
  return {.job = {.library = "Eigen",
                  .timed = {run},
                  .bytes = static_cast<double>(bytes),
                  .operations = 2.0 * static_cast<double>(stored) * static_cast<double>(x.cols())},
          .answer = [all] { return all->y; },
          .rounding = std::move(rounds)};
}

}  // namespace detail

inline product eigen_dense_product(const dense_matrix& w, const Eigen::MatrixXf& x) {
  const auto size = static_cast<std::size_t>(w.size());
  return detail::eigen_product(w, x, size, size * sizeof(float), {.weights = w});
}

// A float and its column for each nonzero, and where each row begins.
inline product eigen_sparse_product(const dense_matrix& w, const Eigen::MatrixXf& x) {
  const Eigen::SparseMatrix<float, Eigen::RowMajor> sparse = w.sparseView();
  const auto nonzeros = static_cast<std::size_t>(sparse.nonZeros());
  return detail::eigen_product(sparse, x, nonzeros, nonzeros * 8 + static_cast<std::size_t>(w.rows() + 1) * 4,
                               {.weights = w});
}

}  // namespace bench

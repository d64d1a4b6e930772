// The peer OpenBLAS: products in 32-bit floats.
#pragma once

#include <memory>

#include "../product.hpp"
#include "../rotated.hpp"

#if defined(PARE_BENCH_OPENBLAS)
#include <cblas.h>
#endif

namespace bench {

#if defined(PARE_BENCH_OPENBLAS)

inline product openblas_product(const dense_matrix& w, const Eigen::MatrixXf& x) {
  struct state {
    rotated<dense_matrix> matrices;
    Eigen::MatrixXf x, y;
  };
  openblas_set_num_threads(1);
  const auto bytes = static_cast<std::size_t>(w.size()) * sizeof(float);
  const auto all = std::make_shared<state>(
      state{{bytes, more_than_caches, [&] { return w; }}, x, Eigen::MatrixXf(w.rows(), x.cols())});
  const auto run = [all, rows = static_cast<blasint>(w.rows()), cols = static_cast<blasint>(w.cols()),
                    batch = static_cast<blasint>(x.cols())] {
    const float* const weights = all->matrices.next().data();
    if (batch == 1)
      cblas_sgemv(CblasRowMajor, CblasNoTrans, rows, cols, 1, weights, cols, all->x.data(), 1, 0, all->y.data(), 1);
    else  // samples are columns, and W by rows is its transpose by columns
      cblas_sgemm(CblasColMajor, CblasTrans, CblasNoTrans, rows, batch, cols, 1, weights, cols, all->x.data(), cols, 0,
                  all->y.data(), rows);
  };
  return {.job = {.library = "OpenBLAS",
                  .timed = {run},
                  .bytes = static_cast<double>(bytes),
                  .operations = operations_of(w, x)},
          .answer = [all] { return all->y; },
          .rounding = {.weights = w}};
}

#else

inline product openblas_product(const dense_matrix&, const Eigen::MatrixXf&) {
  return missing_product("OpenBLAS", "OpenBLAS is not installed");
}

#endif

}  // namespace bench

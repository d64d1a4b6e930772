// Pruning a temporary would be lost; a block of a matrix is a temporary too, but changes the matrix.
// error: no matching function for call to .prune
#include <pare/prune/prune.hpp>
#include <pare/tensor/eigen.hpp>

void use(Eigen::MatrixXf& w) {
#ifdef PARE_MUST_FAIL
  pare::prune(Eigen::MatrixXf(w), pare::sparsity{0.5});
#else
  pare::prune(w.topRows(2), pare::sparsity{0.5});
#endif
}

// The view would outlive the matrix.
// error: no matching function for call to .view
#include <pare/tensor/eigen.hpp>

Eigen::MatrixXf make();

void use() {
#ifdef PARE_MUST_FAIL
  [[maybe_unused]] auto v = pare::view(make());
#else
  Eigen::MatrixXf w = make();
  [[maybe_unused]] auto v = pare::view(w);
#endif
}

// A matrix is not a vector.
// error: .*this tensor has another rank
#include <pare/tensor/eigen.hpp>

void use(Eigen::MatrixXf& w) {
#ifdef PARE_MUST_FAIL
  [[maybe_unused]] auto v = pare::view<1>(w);
#else
  [[maybe_unused]] auto v = pare::view<2>(w);
#endif
}

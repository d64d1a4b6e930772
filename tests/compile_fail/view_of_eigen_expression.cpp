// A sum has no elements in memory.
// error: no matching function for call to .view
#include <pare/tensor/eigen.hpp>

void use(const Eigen::MatrixXf& a) {
#ifdef PARE_MUST_FAIL
  [[maybe_unused]] auto v = pare::view(a + a);
#else
  [[maybe_unused]] auto v = pare::view(a.transpose());
#endif
}

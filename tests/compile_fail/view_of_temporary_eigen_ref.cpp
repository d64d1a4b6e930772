// A Ref to const may hold a copy of its own, which would die with it; a Map never does.
// error: no matching function for call to .view
#include <pare/tensor/eigen.hpp>

void use(const float* data) {
#ifdef PARE_MUST_FAIL
  const Eigen::MatrixXf w = Eigen::Map<const Eigen::MatrixXf>(data, 2, 2);
  [[maybe_unused]] auto v = pare::view(Eigen::Ref<const Eigen::MatrixXf>(w));
#else
  [[maybe_unused]] auto v = pare::view(Eigen::Map<const Eigen::MatrixXf>(data, 2, 2));
#endif
}

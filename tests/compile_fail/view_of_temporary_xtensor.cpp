// The view would outlive the array.
// error: no matching function for call to .view
#include <pare/tensor/xtensor.hpp>

xt::xtensor<float, 2> make();

void use() {
#ifdef PARE_MUST_FAIL
  [[maybe_unused]] auto v = pare::view(make());
#else
  xt::xtensor<float, 2> w = make();
  [[maybe_unused]] auto v = pare::view(w);
#endif
}

// A strided view of a temporary holds the array itself, so it is as temporary.
// error: no matching function for call to .view
#include <pare/tensor/xtensor.hpp>

xt::xtensor<float, 2> make();

void use() {
#ifdef PARE_MUST_FAIL
  [[maybe_unused]] auto v = pare::view(xt::view(make(), xt::all(), xt::range(0, 2)));
#else
  xt::xtensor<float, 2> w = make();
  [[maybe_unused]] auto v = pare::view(xt::view(w, xt::all(), xt::range(0, 2)));
#endif
}

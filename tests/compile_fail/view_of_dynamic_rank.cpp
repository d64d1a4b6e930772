// An xarray knows its rank only at run time, so the caller has to name it.
// error: .*this tensor knows its rank only at run time
#include <pare/tensor/xtensor.hpp>

void use(xt::xarray<float>& w) {
#ifdef PARE_MUST_FAIL
  [[maybe_unused]] auto v = pare::view(w);
#else
  [[maybe_unused]] auto v = pare::view<2>(w);
#endif
}

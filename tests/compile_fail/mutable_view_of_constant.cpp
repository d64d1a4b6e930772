// Constness is never lost: elements that may not be changed do not become elements that may.
// error: (no viable conversion|conversion from|could not convert)
#include <pare/tensor/view.hpp>

#ifdef PARE_MUST_FAIL
using from = const float;
using to = float;
#else
using from = float;
using to = const float;
#endif

pare::tensor_view<to, 2> use(pare::tensor_view<from, 2> v) { return v; }

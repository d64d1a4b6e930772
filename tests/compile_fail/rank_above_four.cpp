// A rank above 4.
// error: .*a tensor_view has rank 1 to 4
#include <pare/tensor/view.hpp>

#ifdef PARE_MUST_FAIL
constexpr std::size_t rank = 5;
#else
constexpr std::size_t rank = 4;
#endif

std::size_t use() { return sizeof(pare::tensor_view<float, rank>); }

// 0.5 could be a sparsity or a threshold: it has to be named.
// error: no matching function for call to .prune
#include <pare/prune/prune.hpp>
#include <pare/tensor/eigen.hpp>

#ifdef PARE_MUST_FAIL
constexpr double pattern = 0.5;
#else
constexpr pare::sparsity pattern{0.5};
#endif

void use(Eigen::MatrixXf& w) { pare::prune(w, pattern); }

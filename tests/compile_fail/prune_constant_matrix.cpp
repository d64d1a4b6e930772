// Pruning changes its argument.
// error: no matching function for call to .prune
#include <pare/prune/prune.hpp>
#include <pare/tensor/eigen.hpp>

#ifdef PARE_MUST_FAIL
using matrix = const Eigen::MatrixXf;
#else
using matrix = Eigen::MatrixXf;
#endif

void use(matrix& w) { pare::prune(w, pare::sparsity{0.5}); }

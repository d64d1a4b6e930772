// Weights are floating point: a matrix of int is no tensor.
// error: no matching function for call to .as_matrix
#include <pare/tensor/eigen.hpp>
#include <pare/tensor/matrix_view.hpp>

#ifdef PARE_MUST_FAIL
using scalar = int;
#else
using scalar = float;
#endif

void use(const Eigen::Matrix<scalar, 2, 2>& w) { [[maybe_unused]] auto v = pare::as_matrix(w); }

// A second translation unit that includes everything.
#include <pare/pare.hpp>

pare::index_t weights_kept(Eigen::MatrixXf& w) { return pare::prune(w, pare::sparsity{0.5}).count(); }

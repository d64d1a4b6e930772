// Pruning and quantizing tensors where they are: Eigen blocks, spans with extents, xtensor views. Nothing is copied.

#include <cstdio>
#include <vector>

#include <pare/pare.hpp>

#if __has_include(<xtensor/xarray.hpp>) || __has_include(<xtensor/containers/xarray.hpp>)
#define HAS_XTENSOR
#include <pare/tensor/xtensor.hpp>
#endif

int main() {
  // A block of an Eigen matrix: only the block changes.
  Eigen::MatrixXf w(4, 8);
  for (Eigen::Index i = 0; i < w.size(); ++i) w(i) = static_cast<float>(i % 7) - 3.0f;
  const pare::mask kept = prune(w.rightCols(4), pare::sparsity{0.75});
  std::printf("block: kept %td of %td, %td zeros in the matrix\n", kept.count(), kept.size(),
              (w.array() == 0.0f).count());

  // Memory of your own, as a matrix [3, 4] with its rows 6 apart: two of each four weights in a row stay.
  std::vector<float> memory(18, 1.0f);
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] += static_cast<float>(i % 4);
  pare::tensor_view<float, 2> strided(memory.data(), {3, 4}, {6, 1});
  prune(strided, pare::n_of_m{2, 4});
  std::printf("strided view:");
  for (const float value : memory) std::printf(" %g", static_cast<double>(value));

  // Several layers at once, by one ranking of all their weights: the smallest 30 of 48 go.
  Eigen::MatrixXf first = Eigen::VectorXf::LinSpaced(32, 1, 32).reshaped(8, 4);
  Eigen::MatrixXf second = Eigen::VectorXf::LinSpaced(16, 21, 36).reshaped(2, 8);
  const std::vector<pare::mask> masks = pare::prune_globally(pare::sparsity{0.625}, first, second);
  std::printf("\nglobally: kept %td of 32 and %td of 16\n", masks[0].count(), masks[1].count());

#ifdef HAS_XTENSOR
  // Every other row of an xtensor, and a convolution's weights [2, 3, 2, 2] as a matrix of axis 0 x the rest.
  xt::xtensor<float, 2> rows = xt::ones<float>({4, 5});
  auto every_other = xt::view(rows, xt::range(0, 4, 2), xt::all());
  prune(every_other, pare::sparsity{1.0});
  std::printf("xtensor: %g of 20 left\n", static_cast<double>(xt::sum(rows)()));
  xt::xtensor<float, 4> filters = xt::ones<float>({2, 3, 2, 2});
  prune(filters, pare::row_sparsity{0.5});
  std::printf("filters: %g of 24 left\n", static_cast<double>(xt::sum(filters)()));
#endif

  // Quantized: packed for multiplying, or back into a tensor of yours.
  const pare::packed_matrix q = pare::quantize(w, {.bits = 8, .scheme = pare::scheme::two_level, .group_size = 4});
  Eigen::VectorXf y(4);
  pare::multiply(q, Eigen::VectorXf::Ones(8).eval(), y);
  const Eigen::VectorXf exact = w.rowwise().sum();
  std::printf("multiply: largest error %.3f\n", static_cast<double>((y - exact).cwiseAbs().maxCoeff()));
  return (y - exact).cwiseAbs().maxCoeff() < 0.1f ? 0 : 1;
}

// Eigen's matrix products without its allocations: the buffers that it packs into are kept from call to call.
#pragma once

#include <concepts>

#include <Eigen/Core>

#include <pare/tensor/view.hpp>

namespace pare::detail {

// What Eigen's products pack blocks of their operands into. Eigen itself allocates them on every call, beyond what fits
// the stack; through its own blocking interface they can be lent. They grow when a larger product comes along.
class packing_buffers : public Eigen::internal::level3_blocking<float, float> {
 public:
  // Makes room for a result [rows, cols] stored by columns, from sums of `depth` products.
  template <std::same_as<index_t> Size>
  void fit(Size rows, Size cols, Size depth) {
    m_mc = rows;
    m_nc = cols;
    m_kc = depth;
    Eigen::internal::computeProductBlockingSizes<float, float>(m_kc, m_mc, m_nc);
    if (a_.size() < m_kc * m_mc) a_.resize(m_kc * m_mc);
    if (b_.size() < m_kc * m_nc) b_.resize(m_kc * m_nc);
    m_blockA = a_.data();
    m_blockB = b_.data();
  }

 private:
  Eigen::ArrayXf a_;
  Eigen::ArrayXf b_;
};

// out = a b for matrices with elements side by side along their rows or columns: plain ones, maps, and blocks of whole
// rows or columns of them. `out` overlaps neither.
template <class A, class B, class Out>
void multiply(packing_buffers& buffers, const A& a, const B& b, Out&& out) {
  using result = std::remove_cvref_t<Out>;
  constexpr auto order = [](bool by_rows) { return by_rows ? Eigen::RowMajor : Eigen::ColMajor; };
  using gemm =
      Eigen::internal::general_matrix_matrix_product<index_t, float, order(A::IsRowMajor), false, float,
                                                     order(B::IsRowMajor), false, order(result::IsRowMajor), 1>;
  out.setZero();
  if (out.size() == 0 || a.cols() == 0) return;
  if constexpr (result::IsRowMajor)  // Eigen computes the transpose
    buffers.fit(b.cols(), a.rows(), a.cols());
  else
    buffers.fit(a.rows(), b.cols(), a.cols());
  gemm::run(a.rows(), b.cols(), a.cols(), a.data(), a.outerStride(), b.data(), b.outerStride(), out.data(), 1,
            out.outerStride(), 1.0f, buffers);
}

}  // namespace pare::detail

// Matrix products with buffers that are kept.
#include <pare/train/product.hpp>

#include <limits>

#include <pare/tensor/eigen.hpp>

#include "allocations.hpp"
#include "catch.hpp"
#include "support.hpp"

using pare::row_major_matrix;
using pare::detail::multiply;

namespace {

template <class A, class B, class Out>
void check(pare::detail::packing_buffers& buffers, const A& a, const B& b, Out&& out) {
  multiply(buffers, a, b, out);
  const Eigen::MatrixXd x = a.template cast<double>(), y = b.template cast<double>();
  const double eps = std::numeric_limits<float>::epsilon();
  const Eigen::MatrixXd bound = static_cast<double>(x.cols()) * eps * x.cwiseAbs() * y.cwiseAbs();
  CHECK(((out.template cast<double>() - x * y).array().abs() <= bound.array()).all());
}

}  // namespace

TEST_CASE("a product is that in double precision, whatever the sizes and storage orders") {
  pare::detail::packing_buffers buffers;
  const Eigen::Index rows = GENERATE(0, 1, 7, 64), cols = GENERATE(1, 5, 33), depth = GENERATE(0, 1, 9, 300);
  const Eigen::MatrixXf a = gaussian(rows, depth, 1), b = gaussian(depth, cols, 2);
  const row_major_matrix c = a, d = b;
  Eigen::MatrixXf by_columns = Eigen::MatrixXf::Constant(rows, cols, 5.0f);
  row_major_matrix by_rows = by_columns;
  check(buffers, a, b, by_columns);
  check(buffers, c, b, by_columns);
  check(buffers, c, d, by_rows);
  check(buffers, a, d, by_rows);
}

TEST_CASE("a product works on transposes, maps and blocks of rows") {
  pare::detail::packing_buffers buffers;
  Eigen::MatrixXf a = gaussian(40, 30, 1), b = gaussian(50, 30, 2);
  row_major_matrix out = row_major_matrix::Constant(40, 50, 9.0f);
  check(buffers, Eigen::Map<Eigen::MatrixXf>(a.data(), 40, 30).middleRows(10, 7), b.transpose(), out.middleRows(3, 7));
  CHECK((out.topRows(3).array() == 9.0f).all());
  CHECK((out.bottomRows(30).array() == 9.0f).all());
}

TEST_CASE("a product allocates nothing the second time") {
  if (!allocations::counted) return;
  pare::detail::packing_buffers buffers;
  const Eigen::MatrixXf a = gaussian(300, 784, 1), b = gaussian(784, 64, 2);
  Eigen::MatrixXf out(300, 64);
  multiply(buffers, a, b, out);
  CHECK(allocations_of([&] { multiply(buffers, a, b, out); }).count == 0);
  CHECK(allocations_of([&] { multiply(buffers, a.topRows(5), b, out.topRows(5)); }).count == 0);
}

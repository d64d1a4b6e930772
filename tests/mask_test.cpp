// mask: bits, algebra, and what it does to a tensor.
#include <pare/prune/mask.hpp>
#include <pare/tensor/eigen.hpp>
#include <pare/tensor/xtensor.hpp>

#include <algorithm>
#include <array>

#include "catch.hpp"
#include "support.hpp"

using pare::index_t;
using pare::mask;

namespace {

// Every third and every seventh weight.
bool pattern(index_t bit) { return bit % 3 == 0 || bit % 7 == 0; }

mask make_pattern(index_t rows, index_t cols) {
  mask result(rows, cols);
  for (index_t row = 0; row < rows; ++row)
    for (index_t col = 0; col < cols; ++col) result.set(row, col, pattern(row * cols + col));
  return result;
}

}  // namespace

TEST_CASE("a new mask keeps nothing") {
  for (const index_t size : {0, 1, 2, 63, 64, 65, 1000}) {
    const mask m(1, size);
    CHECK(m.rows() == 1);
    CHECK(m.cols() == size);
    CHECK(m.size() == size);
    CHECK(m.count() == 0);
    CHECK(static_cast<index_t>(m.words().size()) == (size + 63) / 64);
  }
}

TEST_CASE("a mask of a function keeps what the function says") {
  const mask made = mask::where(5, 67, [](index_t row, index_t col) { return pattern(row * 67 + col); });
  CHECK(made == make_pattern(5, 67));
  CHECK(mask::where(0, 3, [](index_t, index_t) { return true; }).size() == 0);
  CHECK_THROWS_AS(mask::where(-1, 3, [](index_t, index_t) { return true; }), pare::shape_error);
}

TEST_CASE("a bit is what was set last") {
  mask m(5, 27);
  m.set(2, 13);
  CHECK(m.test(2, 13));
  CHECK(m.count() == 1);
  m.set(2, 13, false);
  CHECK(!m.test(2, 13));
  CHECK(m == mask(5, 27));
}

TEST_CASE("bit row * cols + col lies in word bit / 64 at position bit % 64") {
  mask m(3, 30);
  m.set(2, 5);
  REQUIRE(m.words().size() == 2);
  CHECK(m.words()[0] == 0);
  CHECK(m.words()[1] == std::uint64_t{2});
}

TEST_CASE("a run of 64 bits is set and read anywhere in a row") {
  for (const index_t cols : {64, 65, 100, 128, 191})
    for (index_t col = 0; col + 64 <= cols; col += 9) {
      const mask::word_type bits = 0x8123456789abcdefu;
      mask m(3, cols);
      m.set_run(1, col, bits);
      CHECK(m.run(1, col) == bits);
      index_t wrong = 0;
      for (index_t row = 0; row < 3; ++row)
        for (index_t c = 0; c < cols; ++c) {
          const bool inside = row == 1 && c >= col && c < col + 64;
          wrong += m.test(row, c) != (inside && (bits >> (c - col) & 1) != 0);
        }
      CHECK(wrong == 0);
    }
}

TEST_CASE("a run that reaches the last bit stays in the mask, and adds to what is kept") {
  mask m(1, 70);
  m.set_run(0, 66, 0b1001);
  m.set_run(0, 66, 0b0010);
  CHECK((m.run(0, 66) & 0b1111) == 0b1011);
  CHECK(m.count() == 3);
}

TEST_CASE("count and density are those of the bits") {
  const mask m = make_pattern(7, 13);
  index_t kept = 0;
  for (index_t bit = 0; bit < 91; ++bit) kept += pattern(bit);
  CHECK(m.count() == kept);
  CHECK(m.density() == static_cast<double>(kept) / 91.0);
  CHECK(mask(0, 5).density() == 1.0);
  CHECK(mask().density() == 1.0);
}

TEST_CASE("not flips the weights and leaves the padding zero") {
  for (const index_t size : {0, 1, 2, 63, 64, 65, 1000}) {
    const mask all = ~mask(1, size);
    CHECK(all.count() == size);
    CHECK(~all == mask(1, size));
    if (size % 64 != 0) CHECK(all.words().back() >> (size % 64) == 0);
  }
}

TEST_CASE("and and or work bit by bit") {
  const mask a = make_pattern(6, 23);
  mask b(6, 23);
  for (index_t row = 0; row < 6; ++row) b.set(row, (row * 5) % 23);
  for (index_t row = 0; row < 6; ++row)
    for (index_t col = 0; col < 23; ++col) {
      CHECK((a & b).test(row, col) == (a.test(row, col) && b.test(row, col)));
      CHECK((a | b).test(row, col) == (a.test(row, col) || b.test(row, col)));
    }
  CHECK((a & ~a) == mask(6, 23));
  CHECK((a | ~a) == ~mask(6, 23));
}

TEST_CASE("masks of different shapes are different and do not combine") {
  CHECK(!(mask(2, 3) == mask(3, 2)));
  mask a(2, 3);
  CHECK(error_message<pare::shape_error>([&] { a &= mask(3, 2); }) == "the other mask is 3 x 2, the mask 2 x 3");
  CHECK(error_message<pare::shape_error>([&] { a |= mask(2, 4); }) == "the other mask is 2 x 4, the mask 2 x 3");
}

TEST_CASE("a mask with a negative or overflowing extent is refused") {
  const index_t huge = std::numeric_limits<index_t>::max();
  CHECK(error_message<pare::shape_error>([] { mask(-1, 4); }) == "the mask is -1 x 4, extents must not be negative");
  CHECK(error_message<pare::shape_error>([&] { mask(huge, 2); }).find("beyond the index type") != std::string::npos);
}

TEMPLATE_TEST_CASE("apply zeroes the removed weights and leaves the kept ones", "", float, double, Eigen::half,
                   Eigen::bfloat16) {
  Eigen::Matrix<TestType, Eigen::Dynamic, Eigen::Dynamic> w(4, 33);
  for (index_t row = 0; row < 4; ++row)
    for (index_t col = 0; col < 33; ++col) w(row, col) = TestType(static_cast<float>(row * 33 + col + 1));
  const auto before = w;
  const mask m = make_pattern(4, 33);
  m.apply(w);
  for (index_t row = 0; row < 4; ++row)
    for (index_t col = 0; col < 33; ++col)
      CHECK(w(row, col) == (pattern(row * 33 + col) ? before(row, col) : TestType(0)));
}

TEMPLATE_TEST_CASE("apply works in runs of every length, in every layout", "", float, double, Eigen::half) {
  for (const index_t cols : {1, 63, 64, 65, 129, 200}) {
    const index_t rows = 19;
    const mask m = make_pattern(rows, cols);
    for (const auto& strides : {std::array<index_t, 2>{cols, 1}, {cols + 3, 1}, {1, rows}, {2 * cols, 2}}) {
      std::vector<TestType> data(static_cast<std::size_t>(rows * (2 * cols + 3)), TestType(-7.0f));
      const pare::tensor_view<TestType, 2> w(data.data(), {rows, cols}, strides);
      m.apply(w);
      index_t wrong = 0;
      for (index_t row = 0; row < rows; ++row)
        for (index_t col = 0; col < cols; ++col)
          wrong += w(row, col) != (pattern(row * cols + col) ? TestType(-7.0f) : TestType(0.0f));
      CHECK(wrong == 0);
      CHECK(std::count(data.begin(), data.end(), TestType(0.0f)) == rows * cols - m.count());
    }
  }
}

TEST_CASE("apply to a block leaves what lies around it") {
  Eigen::MatrixXf w = Eigen::MatrixXf::Constant(8, 9, 5.0f);
  mask(3, 4).apply(w.block(2, 3, 3, 4));
  for (index_t row = 0; row < 8; ++row)
    for (index_t col = 0; col < 9; ++col) {
      const bool inside = row >= 2 && row < 5 && col >= 3 && col < 7;
      CHECK(w(row, col) == (inside ? 0.0f : 5.0f));
    }
}

TEST_CASE("extract gives the kept weights in row-major order, whatever the storage order") {
  const mask m = make_pattern(5, 6);
  Eigen::Matrix<double, 5, 6, Eigen::ColMajor> by_column;
  std::vector<double> expected;
  for (index_t bit = 0; bit < 30; ++bit) {
    by_column(bit / 6, bit % 6) = static_cast<double>(bit);
    if (pattern(bit)) expected.push_back(static_cast<double>(bit));
  }
  const Eigen::Matrix<double, 5, 6, Eigen::RowMajor> by_row = by_column;
  CHECK(m.extract(by_column) == expected);
  CHECK(m.extract(by_row) == expected);
}

TEST_CASE("a mask takes a tensor of rank 3 as a matrix of axis 0 and the rest") {
  xt::xtensor<float, 3> w = xt::arange<float>(24).reshape({2, 3, 4});
  mask m(2, 12);
  m.set(1, 7);  // (1, 1, 3)
  CHECK(m.extract(w) == std::vector<float>{19.0f});
  m.apply(w);
  CHECK(w(1, 1, 3) == 19.0f);
  CHECK(xt::sum(w)() == 19.0f);
}

TEST_CASE("a mask refuses a tensor of another shape, which stays as it was") {
  Eigen::MatrixXf w = Eigen::MatrixXf::Constant(3, 4, 2.0f);
  CHECK(error_message<pare::shape_error>([&] { mask(4, 3).apply(w); }) == "the tensor is 3 x 4, the mask 4 x 3");
  CHECK(error_message<pare::shape_error>([&] { mask(3, 5).extract(w); }) == "the tensor is 3 x 4, the mask 3 x 5");
  CHECK(w == Eigen::MatrixXf::Constant(3, 4, 2.0f));
}

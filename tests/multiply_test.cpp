// multiply: tensors that it takes, threads, accuracy, errors.
#include <pare/kernels/multiply.hpp>
#include <pare/parallel/thread_pool.hpp>
#include <pare/storage/pack.hpp>
#include <pare/storage/unpack.hpp>
#include <pare/tensor/eigen.hpp>

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "catch.hpp"
#include "support.hpp"

using pare::encoding;
using pare::index_t;
using pare::instruction_set;
using pare::packed_matrix;
using pare::precision;
using pare::quantize;
using pare::scheme;
using pare::shape_error;

namespace {

constexpr precision precisions[] = {precision::int8, precision::float32};

// One matrix in a format of every kind.
std::vector<packed_matrix> some_formats(const Eigen::MatrixXf& w) {
  using enum pare::range;
  return {pare::pack_dense(w),
          quantize(w, {.bits = 4, .range = min_max}),
          quantize(w, {.bits = 3, .scheme = scheme::two_level, .range = min_max}),
          quantize(w, {.bits = 8, .scheme = scheme::asymmetric, .group_size = 64, .range = min_max}),
          quantize(w, pare::nf4(), {.range = min_max}),
          quantize(w, {.bits = 5, .group_size = 16, .range = min_max}, encoding::bitmap),
          quantize(w, {.bits = 5, .group_size = 16, .range = min_max}, encoding::sparse)};
}

Eigen::MatrixXf product(const packed_matrix& w, const Eigen::MatrixXf& x, precision inputs) {
  Eigen::MatrixXf y(w.rows(), x.cols());
  multiply(w, x, y, {.inputs = inputs});
  return y;
}

bool same(const Eigen::MatrixXf& a, const Eigen::MatrixXf& b) { return (a.array() != b.array()).count() == 0; }

// Runs tasks on the calling thread, the last first, and counts them.
class backwards final : public pare::executor {
 public:
  int threads() const noexcept override { return 3; }
  void for_each(int count, pare::task_ref task) override {
    tasks += count;
    for (int i = count; i-- > 0;) task(i);
  }
  int tasks = 0;
};

}  // namespace

TEST_CASE("inputs and outputs may be row-major, strided, flipped, blocks") {
  const packed_matrix w = quantize(gaussian(21, 37, 1));
  const Eigen::MatrixXf x = gaussian(37, 5, 2);
  using rows = pare::row_major_matrix;
  using any_stride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
  for (const precision inputs : precisions) {
    const Eigen::MatrixXf expected = product(w, x, inputs);
    const pare::multiply_options options{.inputs = inputs};

    const rows x_rows = x;
    rows y_rows(21, 5);
    multiply(w, x_rows, y_rows, options);
    CHECK(same(y_rows, expected));

    const Eigen::MatrixXf x_transposed = x.transpose();
    Eigen::MatrixXf y_transposed(5, 21);
    multiply(w, x_transposed.transpose(), y_transposed.transpose(), options);
    CHECK(same(y_transposed.transpose(), expected));

    Eigen::VectorXf x_memory(1000), y_memory = Eigen::VectorXf::Constant(1000, -5);
    Eigen::Map<Eigen::MatrixXf, 0, any_stride> x_strided(x_memory.data() + 999, 37, 5, any_stride(-100, -2));
    Eigen::Map<Eigen::MatrixXf, 0, any_stride> y_strided(y_memory.data() + 1, 21, 5, any_stride(70, 3));
    x_strided = x;
    multiply(w, x_strided, y_strided, options);
    CHECK(same(y_strided, expected));
    CHECK((y_memory.array() == -5).count() == 1000 - 21 * 5);

    Eigen::MatrixXf large = Eigen::MatrixXf::Constant(30, 9, -5);
    multiply(w, x, large.block(4, 2, 21, 5), options);
    CHECK(same(large.block(4, 2, 21, 5), expected));
    CHECK((large.array() == -5).count() == 30 * 9 - 21 * 5);
  }
}

TEST_CASE("a vector is one sample") {
  const packed_matrix w = quantize(gaussian(21, 37, 1));
  const Eigen::MatrixXf x = gaussian(37, 5, 2);
  const Eigen::MatrixXf expected = product(w, x, precision::int8);
  Eigen::VectorXf y(21);
  multiply(w, x.col(3), y);
  CHECK(same(y, expected.col(3)));
  const std::vector<float> x_values(x.col(4).begin(), x.col(4).end());
  std::vector<float> y_values(21);
  multiply(w, std::span(x_values), std::span(y_values));
  CHECK(std::equal(y_values.begin(), y_values.end(), expected.col(4).begin()));
}

TEMPLATE_TEST_CASE("other element types come in as float and go out rounded", "", double, Eigen::half,
                   Eigen::bfloat16) {
  using matrix = Eigen::Matrix<TestType, -1, -1>;
  const packed_matrix w = quantize(gaussian(21, 37, 1));
  const matrix x = gaussian(37, 5, 2).cast<TestType>();
  for (const precision inputs : precisions) {
    const Eigen::MatrixXf expected = product(w, x.template cast<float>(), inputs);
    matrix y(21, 5);
    multiply(w, x, y, {.inputs = inputs});
    CHECK(y == matrix(expected.cast<TestType>()));
  }
}

TEST_CASE("the output may be the input") {
  const packed_matrix w = quantize(gaussian(37, 37, 1));
  Eigen::MatrixXf x = gaussian(37, 5, 2);
  for (const precision inputs : precisions) {
    const Eigen::MatrixXf expected = product(w, x, inputs);
    multiply(w, x, x, {.inputs = inputs});
    CHECK(same(x, expected));
  }
}

TEST_CASE("tensors that do not fit are refused, the output untouched") {
  const packed_matrix w = quantize(gaussian(21, 37, 1));
  const auto refused = [&](const Eigen::MatrixXf& x, index_t rows, index_t cols) {
    Eigen::MatrixXf y = Eigen::MatrixXf::Constant(rows, cols, -5);
    const std::string message = error_message<shape_error>([&] { multiply(w, x, y); });
    CHECK((y.array() != -5).count() == 0);
    return message;
  };
  CHECK(refused(Eigen::MatrixXf(36, 5), 21, 5) == "x is [36, 5], must be [37, batch]");
  CHECK(refused(Eigen::MatrixXf(5, 37), 21, 5) ==
        "x is [5, 37], must be [37, batch]: samples are columns, pass its transpose");
  CHECK(refused(Eigen::MatrixXf(37, 5), 20, 5) == "y is [20, 5], must be [21, 5]");
  CHECK(refused(Eigen::MatrixXf(37, 5), 21, 4) == "y is [21, 4], must be [21, 5]");
  CHECK(refused(Eigen::MatrixXf(37, 5), 5, 21) == "y is [5, 21], must be [21, 5]");
  CHECK(refused(Eigen::MatrixXf(0, 0), 0, 0) == "x is [0, 0], must be [37, batch]");
  Eigen::VectorXf vector(37);
  Eigen::MatrixXf two(21, 2);
  CHECK_THROWS_AS(multiply(w, vector, two), shape_error);
}

// With n inputs an output takes at most n + 8 roundings: n / 4 + 2 of products and sums, one for each of at most n
// groups, three of the units; none of the parameters, which the oracle takes as they are stored.
TEST_CASE("float32 inputs are multiplied as exactly as floats can") {
  const index_t n = 300;
  const Eigen::MatrixXf w = gaussian(40, n, 3), x = gaussian(n, 4, 4);
  const double bound = static_cast<double>(n + 8) * 0x1p-24;
  for (const packed_matrix& m : some_formats(w)) {
    const Eigen::MatrixXf y = product(m, x, precision::float32);
    index_t wrong = 0;
    for (index_t row = 0; row < 40; ++row)
      for (index_t b = 0; b < 4; ++b) {
        double exact = 0, magnitudes = 0;
        for (index_t col = 0; col < n; ++col) {
          double step = 0, shift = 0;
          if (m.format().encoding == encoding::dense) {
            step = double{weight_at(m, row, col)};
          } else {
            const auto parts = pare::detail::unpack_parameters(m, row, col / m.format().group_size);
            const int level = pare::detail::unpack_level(m, row, col, parts.zero);
            step = double{parts.unit} * double{parts.scale} * (level - parts.zero);
            shift = double{parts.offset_unit} * double{parts.group_offset};
          }
          exact += (step + shift) * double{x(col, b)};
          magnitudes += (std::fabs(step) + std::fabs(shift)) * std::fabs(double{x(col, b)});
        }
        wrong += !(std::fabs(double{y(row, b)} - exact) <= bound * magnitudes);
      }
    CHECK(wrong == 0);
  }
}

// An input is off by at most half a code, 1/254 of the group's largest; 2^-15 of that more for rounding the quotient
// in float, and the roundings of the sums as above, here of magnitudes that include scale · level and offset apart.
TEST_CASE("8-bit inputs are off by at most 1/254 of the largest of their group") {
  const index_t n = 300;
  const Eigen::MatrixXf w = gaussian(40, n, 5), x = gaussian(n, 4, 6);
  for (const packed_matrix& m : some_formats(w)) {
    if (m.format().encoding == encoding::dense) continue;
    const index_t group = m.format().group_size;
    const Eigen::MatrixXf y = product(m, x, precision::int8);
    index_t wrong = 0;
    double largest_error = 0;
    for (index_t row = 0; row < 40; ++row)
      for (index_t b = 0; b < 4; ++b) {
        double exact = 0, allowed = 0;
        for (index_t col = 0; col < n; ++col) {
          const index_t first = col / group * group;
          const double largest = double{x.col(b).segment(first, std::min(group, n - first)).cwiseAbs().maxCoeff()};
          const auto parts = pare::detail::unpack_parameters(m, row, col / m.format().group_size);
          const int level = pare::detail::unpack_level(m, row, col, parts.zero);
          const double step = double{parts.unit} * double{parts.scale} * (level - parts.zero);
          const double shift = double{parts.offset_unit} * double{parts.group_offset};
          exact += (step + shift) * double{x(col, b)};
          allowed += std::fabs(step + shift) * largest / 254 * (1 + 0x1p-15);
          allowed += static_cast<double>(n + 8) * 0x1p-24 * (std::fabs(step) + std::fabs(shift)) * largest;
        }
        const double error = std::fabs(double{y(row, b)} - exact);
        wrong += !(error <= allowed);
        largest_error = std::max(largest_error, error / allowed);
      }
    CHECK(wrong == 0);
    CHECK(largest_error > 0.01);
  }
}

TEST_CASE("dense weights are multiplied with floats, whatever the inputs should be") {
  const packed_matrix w = pare::pack_dense(gaussian(21, 37, 1));
  const Eigen::MatrixXf x = gaussian(37, 5, 2);
  CHECK(same(product(w, x, precision::int8), product(w, x, precision::float32)));
}

TEST_CASE("large products are split into tasks, small ones are not, and the bits stay the same") {
  const Eigen::MatrixXf w = gaussian(500, 270, 7), x = gaussian(270, 7, 8);
  REQUIRE(w.size() >= pare::detail::least_parallel_work);
  for (const packed_matrix& m : some_formats(w))
    for (const precision inputs : precisions)
      for (const index_t batch : {1, 7}) {
        const Eigen::MatrixXf expected = product(m, x.leftCols(batch), inputs);
        backwards executor;
        Eigen::MatrixXf y(500, batch);
        multiply(m, x.leftCols(batch), y, {inputs, &executor});
        CHECK(same(y, expected));
        // The panels, and the samples where there are several.
        CHECK(executor.tasks == (batch == 1 ? 3 : 6));
      }
  backwards executor;
  Eigen::MatrixXf y(21, 5);
  multiply(quantize(gaussian(21, 37, 1)), gaussian(37, 5, 2), y, {.threads = &executor});
  CHECK(executor.tasks == 0);
}

TEST_CASE("the number of threads does not change a bit", "[threads]") {
  const Eigen::MatrixXf w = gaussian(500, 270, 9), x = gaussian(270, 3, 10);
  const std::vector<packed_matrix> formats = some_formats(w);
  for (const int count : {1, 2, 3}) {
    pare::thread_pool threads(count);
    for (const packed_matrix& m : formats)
      for (const precision inputs : precisions)
        for_each_instruction_set([&](instruction_set) {
          for (const index_t batch : {1, 3}) {
            const Eigen::MatrixXf samples = x.leftCols(batch), expected = product(m, samples, inputs);
            Eigen::MatrixXf y(500, batch);
            multiply(m, samples, y, {inputs, &threads});
            CHECK(same(y, expected));
          }
        });
  }
}

TEST_CASE("a matrix with fewer panels than threads is multiplied by as many as it has", "[threads]") {
  const Eigen::MatrixXf w = gaussian(20, 7000, 11), x = gaussian(7000, 1, 12);
  REQUIRE(w.size() >= pare::detail::least_parallel_work);
  pare::thread_pool threads(4);
  for (const packed_matrix& m : some_formats(w)) {
    Eigen::VectorXf y(20);
    multiply(m, x, y, {.threads = &threads});
    CHECK(same(y, product(m, x, precision::int8)));
  }
}

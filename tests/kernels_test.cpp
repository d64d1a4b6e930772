// The multiply kernels of every instruction set against the plain reference, with ==.
#include <pare/kernels/multiply.hpp>
#include <pare/kernels/reference.hpp>
#include <pare/storage/pack.hpp>
#include <pare/tensor/eigen.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "catch.hpp"
#include "support.hpp"

using pare::encoding;
using pare::granularity;
using pare::index_t;
using pare::instruction_set;
using pare::packed_matrix;
using pare::precision;
using pare::quantize_options;
using pare::quantized_codes;
using pare::range;
using pare::scheme;

namespace {

constexpr precision precisions[] = {precision::int8, precision::float32};

Eigen::MatrixXf reference_multiply(const packed_matrix& w, const Eigen::MatrixXf& x, precision inputs) {
  Eigen::MatrixXf y(w.rows(), x.cols());
  for (index_t row = 0; row < w.rows(); ++row) {
    const pare::detail::reference_row weights(w, row);
    for (index_t b = 0; b < x.cols(); ++b) y(row, b) = weights.output(x.col(b).data(), 0, inputs);
  }
  return y;
}

std::string describe(const packed_matrix& w) {
  const pare::packed_format& f = w.format();
  return pare::detail::text(w.rows(), " x ", w.cols(), ", encoding ", static_cast<int>(f.encoding), ", ", f.bits,
                            " bits, scheme ", static_cast<int>(f.scheme), f.codebook ? ", codebook" : "",
                            ", groups of ", f.group_size);
}

// Every instruction set, both precisions, the first samples of x in each of these batches.
void check_multiply(const packed_matrix& w, const Eigen::MatrixXf& x, const std::vector<index_t>& batches) {
  for (const precision inputs : precisions) {
    const Eigen::MatrixXf expected = reference_multiply(w, x, inputs);
    for_each_instruction_set([&](instruction_set isa) {
      for (const index_t batch : batches) {
        Eigen::MatrixXf y(w.rows(), batch);
        multiply(w, x.leftCols(batch), y, {.inputs = inputs});
        INFO(describe(w) << ", batch " << batch << ", " << name(isa) << ", precision " << static_cast<int>(inputs));
        CHECK((y.array() != expected.leftCols(batch).array()).count() == 0);
      }
    });
  }
}

// All that a matrix of weights can be packed to with so many bits and such groups.
std::vector<packed_matrix> all_formats(const Eigen::MatrixXf& w, int bits, index_t group_size) {
  quantize_options options{.bits = bits, .group_size = group_size, .range = range::min_max};
  std::vector<packed_matrix> formats;
  const auto symmetric = quantize_codes(w, options);
  const auto book = quantize_codes(w, fit_codebook(w, options), options);
  formats.push_back(pack(symmetric));
  const auto shortened = {encoding::bitmap, encoding::sparse, encoding::very_sparse};
  for (const encoding as : shortened)
    if (bits > 1) formats.push_back(pack(symmetric, as));
  formats.push_back(pack(book));
  const bool has_zero = std::find(book.levels.begin(), book.levels.end(), 0) != book.levels.end();
  for (const encoding as : shortened)
    if (has_zero || as == encoding::bitmap) formats.push_back(pack(book, as));
  for (const scheme s : {scheme::asymmetric, scheme::two_level}) {
    options.scheme = s;
    formats.push_back(pack(quantize_codes(w, options)));
  }
  return formats;
}

std::vector<packed_matrix> dense_formats(const Eigen::MatrixXf& w) {
  return {pare::pack_dense(w), pare::pack_dense(w, pare::float_format::bfloat16)};
}

// Codes made up by code(row, col), all scales 1.
template <class Code>
quantized_codes made_up(index_t rows, index_t cols, int bits, scheme s, int zero, Code&& code) {
  quantized_codes q;
  q.rows = rows;
  q.cols = cols;
  q.bits = bits;
  q.scheme = s;
  q.group_size = cols;
  for (index_t row = 0; row < rows; ++row)
    for (index_t col = 0; col < cols; ++col) q.codes.push_back(static_cast<std::uint8_t>(code(row, col)));
  q.unit.assign(static_cast<std::size_t>(rows), 1.0f);
  q.scale.assign(static_cast<std::size_t>(rows), s == scheme::two_level ? std::uint16_t{1} : std::uint16_t{0x3c00});
  if (s != scheme::symmetric) q.offset.assign(static_cast<std::size_t>(rows), static_cast<std::int16_t>(zero));
  if (s == scheme::two_level) q.offset_unit.assign(static_cast<std::size_t>(rows), 1.0f);
  return q;
}

}  // namespace

TEST_CASE("every format gives the bits of the reference") {
  for (const auto& [rows, cols] : {std::pair{3, 7}, {16, 33}, {17, 100}}) {
    const Eigen::MatrixXf w = gaussian_third_zero(rows, cols, 1), x = gaussian(cols, 5, 2);
    for (const packed_matrix& m : dense_formats(w)) check_multiply(m, x, {1, 5});
    for (const index_t group_size : {5, 16, 32, 1000})
      for (int bits = 1; bits <= 8; ++bits)
        for (const packed_matrix& m : all_formats(w, bits, group_size)) check_multiply(m, x, {1, 5});
  }
}

TEST_CASE("a matrix without columns gives zeros in every format, for one sample and for several") {
  const Eigen::MatrixXf w(17, 0), x(0, 5);
  for (const packed_matrix& m : dense_formats(w)) check_multiply(m, x, {1, 5});
  for (int bits = 1; bits <= 8; ++bits)
    for (const packed_matrix& m : all_formats(w, bits, 32)) check_multiply(m, x, {1, 5});
}

TEST_CASE("every batch and every shape around the edges of tiles gives the bits of the reference") {
  const std::vector<index_t> batches = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33};
  for (const index_t rows : {1, 15, 16, 17, 33})
    for (const index_t cols : {1, 3, 4, 5, 31, 32, 33, 63, 65, 128, 129, 257}) {
      if (rows > 17 && cols > 65) continue;
      const Eigen::MatrixXf w = gaussian_third_zero(rows, cols, 3), x = gaussian(cols, 33, 4);
      for (const packed_matrix& m : dense_formats(w)) check_multiply(m, x, batches);
      check_multiply(pare::quantize(w, {.scheme = scheme::two_level, .range = range::min_max}), x, batches);
      for (const encoding as : {encoding::codes, encoding::bitmap, encoding::sparse, encoding::very_sparse})
        check_multiply(pare::quantize(w, {.bits = 3, .group_size = 16, .range = range::min_max}, as), x, batches);
      const auto row_wise = granularity::row;
      for (const int bits : {2, 4, 6, 8})
        check_multiply(pare::quantize(w, {bits, scheme::asymmetric, row_wise, 1, range::min_max}), x, batches);
    }
}

TEST_CASE("rows and batches longer than what is decoded or summed up at once give the bits of the reference") {
  const Eigen::MatrixXf x = gaussian(1100, 135, 16);
  Eigen::MatrixXf w = gaussian_third_zero(17, 1100, 17);
  // A block without nonzeros, one full of them and rows of all kinds.
  w.block(0, 256, 17, 256).setZero();
  w.block(0, 512, 16, 256).setOnes();
  w.row(3).setZero();
  const std::vector<index_t> batches = {1, 7, 65, 70, 135};
  for (const packed_matrix& m : dense_formats(w)) check_multiply(m, x, batches);
  for (const index_t group_size : {352, 1100})
    for (const int bits : {4, 6, 8})
      for (const packed_matrix& m : all_formats(w, bits, group_size)) check_multiply(m, x, batches);
}

TEST_CASE("the largest codes and inputs do not saturate") {
  // Five samples: a tile of any instruction set, and one more.
  const Eigen::MatrixXf ones = Eigen::MatrixXf::Ones(70, 5);
  Eigen::MatrixXf x = ones;
  x.col(1) *= -1;
  x.col(3) *= -1;
  for (index_t i = 0; i < 70; i += 2) x(i, 2) = -1;
  for (int bits = 1; bits <= 8; ++bits)
    for (const scheme s : {scheme::symmetric, scheme::asymmetric, scheme::two_level}) {
      const int top = (1 << bits) - 1;
      const int zero = s == scheme::asymmetric ? top : 3;
      check_multiply(pack(made_up(16, 70, bits, s, zero, [&](index_t, index_t) { return top; })), x, {5});
      check_multiply(pack(made_up(16, 70, bits, s, zero, [&](index_t, index_t) { return 0; })), x, {5});
      const auto alternating = made_up(16, 70, bits, s, 0, [&](index_t r, index_t c) { return (r + c) % 2 * top; });
      check_multiply(pack(alternating), x, {5});
      if (bits == 1 || s != scheme::symmetric) continue;
      for (const encoding as : {encoding::sparse, encoding::very_sparse}) {
        check_multiply(pack(alternating, as), x, {1, 5});
        check_multiply(pack(made_up(16, 70, bits, s, 0, [&](index_t, index_t) { return 0; }), as), x, {1, 5});
      }
    }
  for (const int level : {-127, 127}) {
    quantized_codes q = made_up(16, 70, 1, scheme::symmetric, 0, [](index_t, index_t) { return 1; });
    q.levels = {0, static_cast<std::int8_t>(level)};
    for (const encoding as : {encoding::codes, encoding::bitmap, encoding::sparse, encoding::very_sparse})
      check_multiply(pack(q, as), x, {5});
  }
}

TEST_CASE("sums over the longest group stay within 32 bits") {
  for (const auto& [code, zero] : {std::pair{0, 255}, {255, 0}, {255, 255}}) {
    const auto q = made_up(1, 32768, 8, scheme::asymmetric, zero, [code = code](index_t, index_t) { return code; });
    for (const float sign : {1.0f, -1.0f}) {
      const Eigen::MatrixXf x = Eigen::MatrixXf::Constant(32768, 1, sign);
      check_multiply(pack(q), x, {1});
    }
  }
  // Codes in the upper half of a byte are added up 16-fold; positions in more blocks than a list of them holds.
  for (const int code : {0, 15})
    for (const encoding as : {encoding::codes, encoding::sparse, encoding::very_sparse}) {
      const auto q = made_up(1, 32768, 4, scheme::symmetric, 0, [=](index_t, index_t) { return code; });
      for (const float sign : {1.0f, -1.0f})
        check_multiply(pack(q, as), Eigen::MatrixXf::Constant(32768, 2, sign), {1, 2});
    }
}

TEST_CASE("a group longer than 32768 columns gives the bits of the reference") {
  const Eigen::MatrixXf w = gaussian_third_zero(2, 33000, 5), x = gaussian(33000, 2, 6);
  for (const scheme s : {scheme::symmetric, scheme::two_level})
    check_multiply(pare::quantize(w, {3, s, granularity::row, 1, range::min_max}), x, {2});
}

TEST_CASE("weights and inputs that are huge, tiny or zero give the bits of the reference") {
  Eigen::MatrixXf w = gaussian_third_zero(20, 70, 7), x = gaussian(70, 8, 8);
  w.row(0) *= 1e-30f;
  w.row(1) *= 1e30f;
  w.row(2).setZero();
  w.row(3).setZero();
  w(3, 69) = 1;
  w.row(4).head(35) *= 1e-6f;
  w.row(5) *= 1e-38f;
  x.col(0) *= 1e-33f;  // below 2^-100
  x.col(1) *= 1e-25f;
  x.col(2) *= 1e30f;
  x.col(3).setZero();
  x.col(4).setZero();
  x(69, 4) = -2;
  x.col(5).head(32) *= 1e20f;
  x.col(6).setConstant(std::numeric_limits<float>::denorm_min());
  x.col(7).setConstant(0.5f);  // quotients exactly between two codes, and -0
  for (index_t i = 0; i < 70; ++i) x(i, 7) = i % 3 ? (static_cast<float>(i) - 35.5f) / 127 : -0.0f;
  x(0, 7) = 1;
  for (const packed_matrix& m : dense_formats(w)) check_multiply(m, x, {8});
  for (const int bits : {1, 4, 8})
    for (const packed_matrix& m : all_formats(w, bits, 32)) check_multiply(m, x, {8});
  const Eigen::MatrixXf zero = Eigen::MatrixXf::Zero(20, 70);
  for (const packed_matrix& m : all_formats(zero, 4, 32)) check_multiply(m, x, {8});
}

#if defined(__x86_64__)
TEST_CASE("scales below the normal range of 16-bit floats are read right by a thread that flushes subnormal floats") {
  Eigen::MatrixXf w = gaussian_third_zero(17, 64, 14);
  w.leftCols(32) *= 1e-6f;
  Eigen::MatrixXf x = gaussian(64, 3, 15);
  x.bottomRows(32).setZero();
  const packed_matrix m = pare::quantize(w);
  for (const precision inputs : precisions) {
    const Eigen::MatrixXf expected = reference_multiply(m, x, inputs);
    REQUIRE((expected.array() != 0).all());
    for_each_instruction_set([&](instruction_set isa) {
      Eigen::MatrixXf y(17, 3);
      const unsigned before = _mm_getcsr();
      _mm_setcsr(before | 0x8040);  // flush to zero, subnormals are zero
      multiply(m, x, y, {.inputs = inputs});
      _mm_setcsr(before);
      INFO(name(isa) << ", precision " << static_cast<int>(inputs));
      CHECK((y.array() != expected.array()).count() == 0);
    });
  }
}
#endif

TEST_CASE("matrices without rows or columns give no or zero outputs") {
  for (const auto& [rows, cols] : {std::pair{0, 5}, {5, 0}, {0, 0}}) {
    const Eigen::MatrixXf w(rows, cols), x = gaussian(cols, 3, 9);
    for (const packed_matrix& m : {pare::pack_dense(w), pare::pack_dense(w, pare::float_format::bfloat16),
                                   pare::quantize(w), pare::quantize(w, {.scheme = scheme::two_level}),
                                   pare::quantize(w, {}, encoding::bitmap), pare::quantize(w, {}, encoding::sparse),
                                   pare::quantize(w, {}, encoding::very_sparse), pare::quantize(w, pare::nf4())}) {
      for_each_instruction_set([&](instruction_set) {
        for (const precision inputs : precisions) {
          Eigen::MatrixXf y = Eigen::MatrixXf::Ones(m.rows(), 3);
          multiply(m, x, y, {.inputs = inputs});
          CHECK((y.array() != 0).count() == 0);
        }
      });
    }
  }
}

TEST_CASE("whatever lies around samples, bias, outputs and in used scratch memory does not matter") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr index_t rows = 21, batch = 5;
  for (const index_t cols : {1, 15, 16, 17, 37, 70}) {
    const Eigen::MatrixXf w = gaussian_third_zero(rows, cols, 10), good = gaussian(cols, batch, 11);
    const index_t x_stride = pare::detail::round_up(cols, 16) + 16;
    // One float off, so that nothing is aligned by chance.
    std::vector<float> x(static_cast<std::size_t>(x_stride * batch + 17), nan);
    for (index_t b = 0; b < batch; ++b) std::copy_n(good.col(b).data(), cols, x.data() + 1 + b * x_stride);
    const std::vector<float> bad(x.size(), nan);
    std::vector<float> bias(33, nan);
    for (std::size_t r = 0; r < rows; ++r) bias[r + 1] = static_cast<float>(r) - 7.3f;
    for (const int bits : {3, 8})
      for (const packed_matrix& m : all_formats(w, bits, 5))
        for (const precision inputs : precisions) {
          Eigen::MatrixXf expected(rows, batch);
          for (index_t r = 0; r < rows; ++r) {
            const pare::detail::reference_row weights(m, r);
            for (index_t b = 0; b < batch; ++b)
              expected(r, b) = weights.output(good.col(b).data(), bias[static_cast<std::size_t>(r + 1)], inputs);
          }
          for_each_instruction_set([&](instruction_set isa) {
            pare::detail::input_buffer room(batch);
            room.grow_for(m, inputs);
            room.allocate();
            constexpr index_t y_stride = 32 + 7;
            std::vector<float> y(y_stride * batch + 1, 123.0f);
            for (const std::vector<float>& from : {bad, x})
              pare::detail::multiply_samples(m, bias.data() + 1, from.data() + 1, x_stride, y.data() + 1, y_stride,
                                             batch, inputs, room, nullptr);
            const Eigen::Map<Eigen::MatrixXf, 0, Eigen::OuterStride<>> got(y.data() + 1, rows, batch, y_stride);
            INFO(describe(m) << ", " << name(isa) << ", precision " << static_cast<int>(inputs));
            CHECK((got.array() != expected.array()).count() == 0);
            index_t touched = y[0] != 123.0f;
            for (index_t b = 0; b < batch; ++b)
              for (index_t r = 32; r < y_stride; ++r)
                touched += y[static_cast<std::size_t>(1 + b * y_stride + r)] != 123.0f;
            CHECK(touched == 0);
          });
        }
  }
}

TEST_CASE("a sample with NaN or infinity has no finite output, and leaves the others alone") {
  Eigen::MatrixXf w = gaussian_third_zero(18, 70, 12);
  w.row(3).setZero();
  const Eigen::MatrixXf x = gaussian(70, 5, 13);
  std::vector<packed_matrix> formats = all_formats(w, 4, 32);
  formats.push_back(pare::pack_dense(w));
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()})
    for (const index_t where : {0, 33, 69}) {
      Eigen::MatrixXf spoiled = x;
      spoiled(where, 2) = bad;
      for (const packed_matrix& m : formats)
        for (const precision inputs : precisions)
          for_each_instruction_set([&](instruction_set isa) {
            Eigen::MatrixXf y(18, 5), expected(18, 5);
            multiply(m, x, expected, {.inputs = inputs});
            multiply(m, spoiled, y, {.inputs = inputs});
            index_t finite = 0, changed = 0;
            for (index_t r = 0; r < 18; ++r) finite += pare::detail::is_finite(y(r, 2));
            for (const index_t b : {0, 1, 3, 4}) changed += (y.col(b).array() != expected.col(b).array()).count();
            INFO(describe(m) << ", " << name(isa) << ", precision " << static_cast<int>(inputs));
            CHECK(finite == 0);
            CHECK(changed == 0);
          });
    }
}

TEST_CASE("random shapes and formats give the bits of the reference") {
  std::vector<std::uint32_t> seeds(25);
  for (std::uint32_t i = 0; i < 20; ++i) seeds[i] = i;
  std::random_device device;
  std::generate(seeds.begin() + 20, seeds.end(), [&] { return device(); });
  for (const std::uint32_t seed : seeds) {
    std::mt19937 generator(seed);
    const auto below = [&](index_t n) { return static_cast<index_t>(generator() % static_cast<std::uint32_t>(n)); };
    const index_t rows = 1 + below(50), cols = 1 + below(300), batch = 1 + below(9);
    const int bits = 1 + static_cast<int>(below(8));
    const Eigen::MatrixXf w = gaussian_third_zero(rows, cols, seed + 1), x = gaussian(cols, batch, seed + 2);
    INFO("seed " << seed);
    for (const packed_matrix& m : all_formats(w, bits, 1 + below(100))) check_multiply(m, x, {batch});
  }
}

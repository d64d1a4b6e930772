// Packing and the panel layout: what is packed unpacks to the same bits, and lies where panel.hpp says.
#include <pare/storage/pack.hpp>
#include <pare/storage/unpack.hpp>
#include <pare/tensor/eigen.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "support.hpp"

using pare::encoding;
using pare::granularity;
using pare::index_t;
using pare::pack;
using pare::packed_matrix;
using pare::quantize_codes;
using pare::quantize_options;
using pare::quantized_codes;
using pare::range;
using pare::scheme;
using pare::value_error;

namespace {

bool unpacks_to_itself(const quantized_codes& q, encoding as) {
  Eigen::MatrixXf plain(q.rows, q.cols), unpacked(q.rows, q.cols);
  dequantize(q, plain);
  dequantize(pack(q, as), unpacked);
  return plain == unpacked;
}

}  // namespace

TEST_CASE("packing changes no weight, in any format") {
  for (const auto& [rows, cols] : {std::pair{1, 1}, {16, 3}, {17, 32}, {5, 33}, {33, 129}}) {
    const Eigen::MatrixXf w = gaussian_third_zero(rows, cols, 1);
    for (const index_t group_size : {1, 5, 16, 32, 64, 1000})
      for (int bits = 1; bits <= 8; ++bits) {
        INFO(rows << " x " << cols << ", groups of " << group_size << ", " << bits << " bits");
        quantize_options options{.bits = bits, .group_size = group_size, .range = range::min_max};
        const auto symmetric = quantize_codes(w, options);
        CHECK(unpacks_to_itself(symmetric, encoding::codes));
        if (bits > 1) CHECK(unpacks_to_itself(symmetric, encoding::bitmap));
        if (bits > 1) CHECK(unpacks_to_itself(symmetric, encoding::sparse));
        if (bits > 1) CHECK(unpacks_to_itself(symmetric, encoding::very_sparse));
        const auto book = quantize_codes(w, pare::fit_codebook(w, options), options);
        if (pare::detail::code_of_zero_level(book)) CHECK(unpacks_to_itself(book, encoding::sparse));
        CHECK(unpacks_to_itself(book, encoding::codes));
        CHECK(unpacks_to_itself(book, encoding::bitmap));
        for (const scheme s : {scheme::asymmetric, scheme::two_level}) {
          options.scheme = s;
          CHECK(unpacks_to_itself(quantize_codes(w, options), encoding::codes));
        }
      }
  }
}

TEST_CASE("groups whose scale is zero are left out, and nothing else of their rows") {
  for (const index_t cols : {64, 65, 130, 200})
    for (const index_t group_size : {7, 32, 100}) {
      Eigen::MatrixXf w = gaussian(35, cols, 1);
      for (index_t row = 0; row < 35; ++row)
        for (index_t begin = row % 3 * group_size; begin < cols; begin += 3 * group_size)
          w.row(row).segment(begin, std::min(group_size, cols - begin)).setZero();
      w.row(20).setZero();
      const quantize_options options{.bits = 3, .group_size = group_size, .range = range::min_max};
      const pare::codebook without_zero{{-127, -40, 3, 40, 127}};
      const auto symmetric = quantize_codes(w, options);
      const auto levels = quantize_codes(w, without_zero, options);
      CHECK(unpacks_to_itself(symmetric, encoding::bitmap));
      CHECK(unpacks_to_itself(symmetric, encoding::sparse));
      CHECK(unpacks_to_itself(levels, encoding::bitmap));
      CHECK(pack(levels, encoding::bitmap).stored_weights() == (w.array() != 0.0f).count());
    }
}

TEST_CASE("dense weights are kept as they are") {
  for (const auto& [rows, cols] : {std::pair{1, 1}, {16, 4}, {17, 33}, {0, 3}, {3, 0}}) {
    const Eigen::MatrixXf w = gaussian_third_zero(rows, cols, 2);
    const packed_matrix m = pare::pack_dense(w);
    Eigen::MatrixXf unpacked(rows, cols);
    dequantize(m, unpacked);
    CHECK(unpacked == w);
    CHECK(m.format().encoding == encoding::dense);
    CHECK(m.stored_weights() == rows * cols);
  }
  Eigen::MatrixXd bad = Eigen::MatrixXd::Ones(2, 3);
  bad(1, 2) = 1e300;
  CHECK(error_message<value_error>([&] { pare::pack_dense(bad); }).find("weights[1, 2] is ") == 0);
}

TEST_CASE("dense weights in 16 bits are rounded to the nearest bfloat16, ties to even, the largest to a finite one") {
  // 8 bits of mantissa: neighbours of 1 are 1 - 2^-8 and 1 + 2^-7.
  const std::vector<std::pair<float, float>> rounded = {{1.0f, 1.0f},
                                                        {-0.0f, -0.0f},
                                                        {1 + 0x1p-8f, 1.0f},
                                                        {1 + 0x1.8p-7f, 1 + 0x1p-6f},
                                                        {1 + 0x1.2p-8f, 1 + 0x1p-7f},
                                                        {-1 - 0x1.2p-8f, -1 - 0x1p-7f},
                                                        {0x1.fep127f, 0x1.fep127f},
                                                        {std::numeric_limits<float>::max(), 0x1.fep127f},
                                                        {std::numeric_limits<float>::lowest(), -0x1.fep127f},
                                                        {0x1p-133f, 0x1p-133f},
                                                        {0x1p-134f, 0.0f}};
  Eigen::VectorXf w(std::ssize(rounded)), unpacked(std::ssize(rounded));
  for (index_t i = 0; i < w.size(); ++i) w(i) = rounded[static_cast<std::size_t>(i)].first;
  const packed_matrix m = pare::pack_dense(w, pare::float_format::bfloat16);
  CHECK(m.format().bits == 16);
  CHECK(m.bytes().size() ==
        16 * 4 * 2 * static_cast<std::size_t>(m.layout().panels) * static_cast<std::size_t>(m.layout().steps));
  dequantize(m, unpacked);
  for (index_t i = 0; i < w.size(); ++i) CHECK(unpacked(i) == rounded[static_cast<std::size_t>(i)].second);
}

TEST_CASE("quantize is quantize_codes and pack") {
  const Eigen::MatrixXf w = gaussian_third_zero(20, 40, 3);
  const quantize_options options{.bits = 3, .scheme = scheme::two_level, .group_size = 16};
  const packed_matrix m = pare::quantize(w, options), expected = pack(quantize_codes(w, options));
  CHECK(m.format() == expected.format());
  CHECK(std::ranges::equal(m.bytes(), expected.bytes()));
  const packed_matrix book = pare::quantize(w, pare::nf4(), options, encoding::bitmap);
  const packed_matrix expected_book = pack(quantize_codes(w, pare::nf4(), options), encoding::bitmap);
  CHECK(book.format() == expected_book.format());
  CHECK(std::ranges::equal(book.bytes(), expected_book.bytes()));
}

TEST_CASE("20 x 70 weights of 3 bits in groups of 32 take the bytes that the layout says") {
  const Eigen::MatrixXf w = Eigen::MatrixXf::Ones(20, 70);
  const auto layout = [&](scheme s) { return pare::quantize(w, {.bits = 3, .scheme = s, .group_size = 32}).layout(); };
  // 2 panels; groups of 8, 8 and 2 steps; chunks of 8 steps take 192 bytes and the last 2 steps 128: 512 in all.
  const auto symmetric = layout(scheme::symmetric);
  CHECK(symmetric.panels == 2);
  CHECK(symmetric.groups == 3);
  CHECK(symmetric.group_steps == 8);
  CHECK(symmetric.last_group_steps == 2);
  CHECK(symmetric.steps == 18);
  CHECK(symmetric.parameters_at == 64);
  CHECK(symmetric.values_at == 64 + 128);
  CHECK(symmetric.panel_bytes == 192 + 512);
  CHECK(layout(scheme::asymmetric).values_at == 64 + 192);
  CHECK(layout(scheme::two_level).values_at == 128 + 128);
  const quantize_options options{.bits = 3, .group_size = 32};
  const auto q = quantize_codes(w, options);
  CHECK(pack(q).bytes().size() == 2 * 704);
  const pare::codebook book{{-127, -60, -30, 0, 30, 60, 100, 127}};
  CHECK(pare::quantize(w, book, options).bytes().size() == 256 + 2 * 704);
  // Three offsets in 64 bytes, 18 masks in 192, and the codes of 1120 and 280 ones in 18 and 5 steps.
  const packed_matrix bitmap = pack(q, encoding::bitmap);
  CHECK(bitmap.layout().values_at == 192 + 192);
  CHECK(bitmap.bytes().size() == 64 + (384 + 512) + (384 + 192));
  CHECK(bitmap.stored_weights() == 1400);
  CHECK(pare::pack_dense(w).bytes().size() == 2 * 72 * 64);
}

TEST_CASE("units, scales, zero points and codes lie where the layout says") {
  quantized_codes q;
  q.rows = 2;
  q.cols = 6;
  q.bits = 4;
  q.scheme = scheme::asymmetric;
  q.group_size = 5;
  q.codes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  q.unit = {0.5f, 2.0f};
  q.scale = {0x3c00, 0x4000, 0x4200, 0x4400};  // 1, 2, 3, 4
  q.offset = {3, 4, 5, 6};
  const packed_matrix m = pack(q);
  const std::byte* panel = m.panel(0);
  const auto byte = [&](index_t at) { return std::to_integer<int>(panel[at]); };
  CHECK(packed_matrix::read<float>(panel) == 0.5f);
  CHECK(packed_matrix::read<float>(panel + 4) == 2.0f);
  CHECK(packed_matrix::read<float>(panel + 8) == 0);
  CHECK(packed_matrix::read<std::uint16_t>(panel + 64) == 0x3c00);
  CHECK(packed_matrix::read<std::uint16_t>(panel + 66) == 0x4200);
  CHECK(packed_matrix::read<std::uint16_t>(panel + 64 + 48) == 0x4000);
  CHECK(byte(64 + 32) == 3);
  CHECK(byte(64 + 33) == 5);
  CHECK(byte(64 + 48 + 32) == 4);
  // Steps: columns 0-3, 4 and three of padding, 5 and three of padding; two steps to a byte of 4-bit codes.
  CHECK(m.layout().steps == 3);
  const index_t values = 64 + 128;
  CHECK(byte(values + 0) == (1 | 5 << 4));
  CHECK(byte(values + 3) == 4);
  CHECK(byte(values + 4) == (7 | 11 << 4));
  CHECK(byte(values + 64) == 6);
  CHECK(byte(values + 68) == 12);
  CHECK(weight_at(m, 0, 4) == 0.5f * 1 * (5 - 3));
  CHECK(weight_at(m, 1, 5) == 2.0f * 4 * (12 - 6));
}

TEST_CASE("a bitmap has a bit for every weight that is not zero") {
  const Eigen::MatrixXf w = gaussian_third_zero(18, 21, 4);
  const auto q = quantize_codes(w, {.bits = 5, .granularity = granularity::row});
  const packed_matrix m = pack(q, encoding::bitmap);
  index_t nonzeros = 0, wrong = 0;
  for (index_t row = 0; row < 18; ++row)
    for (index_t col = 0; col < 21; ++col) {
      const std::byte* masks = m.panel(row / 16) + m.layout().index_at;
      const auto mask = packed_matrix::read<std::uint64_t>(masks + col / 4 * 8);
      const bool there = mask >> (row % 16 * 4 + col % 4) & 1;
      wrong += there != (q.value(row, col) != 0);
      nonzeros += there;
    }
  CHECK(wrong == 0);
  CHECK(m.stored_weights() == nonzeros);
  CHECK(m.panel_codes(0) + m.panel_codes(1) == nonzeros);
  const Eigen::MatrixXf zero = Eigen::MatrixXf::Zero(18, 21);
  CHECK(pack(quantize_codes(zero), encoding::bitmap).stored_weights() == 0);
}

TEST_CASE("a sparse matrix lists the nonzeros of each row and block from left to right, four to a step") {
  // 100 columns are blocks of 64 and 36.
  Eigen::MatrixXf w = Eigen::MatrixXf::Zero(18, 100);
  for (const index_t col : {3, 9, 20, 21, 63}) w(2, col) = 1;
  w(17, 70) = -7;
  const auto q = quantize_codes(w, {.bits = 4, .granularity = granularity::row, .range = range::min_max});
  const packed_matrix m = pack(q, encoding::sparse);
  // Per panel 64 bytes of units, of scales and of counts; 3 and 1 steps of 6-bit positions and 4-bit codes.
  CHECK(m.layout().blocks == 2);
  CHECK(m.layout().values_at == 192);
  CHECK(m.stored_weights() == 3 * 64);
  CHECK(m.panel_codes(0) == 2 * 64);
  CHECK(m.bytes().size() == 64 + (192 + 2 * 64 + 64) + (192 + 64 + 64));
  const auto position = [&](index_t panel, index_t steps, index_t step, index_t index) {
    return pare::detail::read_code(m.panel(panel) + 192, pare::detail::positions_of{6}, steps, step, index);
  };
  const auto code = [&](index_t panel, index_t steps, index_t step, index_t index) {
    const std::byte* codes = m.panel(panel) + 192 + steps * 64;
    return pare::detail::read_code(codes, 4, steps, step, index);
  };
  CHECK(std::to_integer<int>(m.panel(0)[128]) == 2);
  CHECK(std::to_integer<int>(m.panel(0)[129]) == 0);
  CHECK(std::to_integer<int>(m.panel(1)[128]) == 0);
  CHECK(std::to_integer<int>(m.panel(1)[129]) == 1);
  const std::vector<int> expected = {3, 9, 20, 21, 63, 0, 0, 0};
  for (index_t i = 0; i < 8; ++i) {
    CHECK(position(0, 2, i / 4, 2 * 4 + i % 4) == expected[static_cast<std::size_t>(i)]);
    CHECK(code(0, 2, i / 4, 2 * 4 + i % 4) == (i < 5 ? 15 : 8));
  }
  CHECK(position(1, 1, 0, 1 * 4) == 70 - 64);
  CHECK(code(1, 1, 0, 1 * 4) == 1);
  CHECK(code(1, 1, 0, 0) == 8);
}

TEST_CASE("a very sparse matrix lists nonzeros in blocks of 256 columns") {
  // 300 columns are blocks of 256 and 44.
  Eigen::MatrixXf w = Eigen::MatrixXf::Zero(16, 300);
  for (const index_t col : {3, 64, 100, 200, 255}) w(2, col) = 1;
  w(15, 299) = -7;
  const auto q = quantize_codes(w, {.bits = 4, .granularity = granularity::row, .range = range::min_max});
  const packed_matrix m = pack(q, encoding::very_sparse);
  // 3 steps of 8-bit positions and 4-bit codes.
  CHECK(m.layout().blocks == 2);
  CHECK(m.stored_weights() == 3 * 64);
  CHECK(m.bytes().size() == 64 + 192 + 3 * 64 + 2 * 64);
  const std::byte* panel = m.panel(0);
  CHECK(std::to_integer<int>(panel[128]) == 2);
  CHECK(std::to_integer<int>(panel[129]) == 1);
  const std::vector<int> expected = {3, 64, 100, 200, 255, 0, 0, 0};
  for (index_t i = 0; i < 8; ++i)
    CHECK(std::to_integer<int>(panel[192 + i / 4 * 64 + 2 * 4 + i % 4]) == expected[static_cast<std::size_t>(i)]);
  CHECK(std::to_integer<int>(panel[192 + 2 * 64 + 15 * 4]) == 299 - 256);
}

TEST_CASE("groups above 32768 columns are cut, where they can be cut evenly") {
  const Eigen::MatrixXf w = gaussian_third_zero(2, 70000, 5);
  for (const scheme s : {scheme::symmetric, scheme::asymmetric, scheme::two_level}) {
    const auto whole =
        quantize_codes(w, {.bits = 2, .scheme = s, .granularity = granularity::row, .range = range::min_max});
    CHECK(unpacks_to_itself(whole, encoding::codes));
    CHECK(pack(whole).format().group_size == 32768);
    CHECK(pack(whole).layout().groups == 3);
    const auto even = quantize_codes(w, {.bits = 2, .scheme = s, .group_size = 65536, .range = range::min_max});
    CHECK(unpacks_to_itself(even, encoding::codes));
  }
  const auto uneven = quantize_codes(w, {.bits = 2, .group_size = 40000, .range = range::min_max});
  CHECK_THROWS_AS(pack(uneven), value_error);
  CHECK(error_message([&] { pack(uneven); }) ==
        "group_size is 40000, above 32768 it must be a multiple of that or the whole row");
}

TEST_CASE("what an encoding cannot hold is refused") {
  const Eigen::MatrixXf w = gaussian_third_zero(4, 8, 6);
  const auto refused = [&](const quantize_options& options, encoding as) {
    return error_message<value_error>([&] { pack(quantize_codes(w, options), as); });
  };
  for (const encoding as : {encoding::bitmap, encoding::sparse}) {
    CHECK(refused({.bits = 1}, as) == "bits is 1, must be at least 2 to leave out zeros: 1-bit codes have none");
    for (const scheme s : {scheme::asymmetric, scheme::two_level})
      CHECK(refused({.scheme = s}, as) ==
            "to leave out zeros needs the symmetric scheme, in which a missing weight is an exact zero");
  }
  const pare::codebook no_zero{{-127, 127}};
  CHECK(error_message<value_error>([&] { pare::quantize(w, no_zero, {.bits = 1}, encoding::sparse); }) ==
        "an encoding that lists positions needs a codebook with a level 0, by which rows are filled up");
  CHECK(refused({}, encoding::dense) == "codes cannot be packed as dense floats: dequantize them first");
}

TEST_CASE("an empty matrix can be packed in any encoding") {
  for (const auto& [rows, cols] : {std::pair{0, 0}, {0, 5}, {5, 0}})
    for (const auto as : {encoding::codes, encoding::bitmap, encoding::sparse, encoding::very_sparse}) {
      const packed_matrix m = pare::quantize(Eigen::MatrixXf(rows, cols), {}, as);
      CHECK(m.rows() == rows);
      CHECK(m.cols() == cols);
      CHECK(m.stored_weights() == 0);
    }
}

TEST_CASE("dequantize takes outputs of any element type and layout, of the right shape") {
  const packed_matrix m = pare::quantize(gaussian_third_zero(6, 10, 7));
  Eigen::MatrixXf floats(6, 10);
  dequantize(m, floats);
  Eigen::Matrix<Eigen::half, -1, -1, Eigen::RowMajor> halves(6, 10);
  dequantize(m, halves);
  CHECK(halves == floats.cast<Eigen::half>());
  Eigen::MatrixXf wrong(10, 6);
  CHECK_THROWS_AS(dequantize(m, wrong), pare::shape_error);
  CHECK(error_message([&] { dequantize(m, wrong); }) == "the output is 10 x 6, the matrix is 6 x 10");
}

TEST_CASE("copies share their bytes, which are aligned for vectors") {
  const packed_matrix m = pare::quantize(gaussian_third_zero(40, 50, 8));
  const packed_matrix copy = m;
  CHECK(copy.bytes().data() == m.bytes().data());
  for (index_t p = 0; p < 3; ++p) CHECK(reinterpret_cast<std::uintptr_t>(m.panel(p)) % 64 == 0);
}

TEST_CASE("codes whose parts do not fit together are refused") {
  const quantized_codes good = quantize_codes(gaussian(3, 5, 1), {.scheme = scheme::two_level, .group_size = 2});
  Eigen::MatrixXf out = Eigen::MatrixXf::Zero(3, 5);
  const auto refused = [&](auto&& damage) {
    quantized_codes q = good;
    damage(q);
    CHECK_THROWS_AS(pack(q), pare::error);
    CHECK_THROWS_AS(dequantize(q, out), pare::error);
    CHECK(out.isZero());
  };
  refused([](quantized_codes& q) { q.codes.resize(4); });
  refused([](quantized_codes& q) { q.codes[7] = 16; });
  refused([](quantized_codes& q) { q.bits = 12; });
  refused([](quantized_codes& q) { q.group_size = 0; });
  refused([](quantized_codes& q) { q.scale.pop_back(); });
  refused([](quantized_codes& q) { q.offset.clear(); });
  refused([](quantized_codes& q) { q.unit.push_back(1); });
  refused([](quantized_codes& q) { q.offset_unit.clear(); });
  refused([](quantized_codes& q) { q.levels = {1, 2}; });
}

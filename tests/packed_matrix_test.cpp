// packed_matrix over given bytes: what is not a packed matrix is refused.
#include <pare/kernels/multiply.hpp>
#include <pare/kernels/reference.hpp>
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
using pare::format_error;
using pare::index_t;
using pare::packed_format;
using pare::packed_matrix;
using pare::scheme;

namespace {

// What a file would hold.
struct parts {
  explicit parts(const packed_matrix& m)
      : rows(m.rows()), cols(m.cols()), format(m.format()), bytes(m.bytes().begin(), m.bytes().end()) {}

  packed_matrix build() const {
    pare::detail::buffer_writer out(bytes.size());
    std::copy(bytes.begin(), bytes.end(), out.data());
    return {rows, cols, format, std::move(out).finish()};
  }
  bool refused() const {
    return !error_message<format_error>([&] { build(); }).empty();
  }

  template <class T>
  T get(std::size_t at) const {
    return packed_matrix::read<T>(bytes.data() + at);
  }
  template <class T>
  void put(std::size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }

  index_t rows, cols;
  packed_format format;
  std::vector<std::byte> bytes;
};

Eigen::MatrixXf weights() {
  Eigen::MatrixXf w = gaussian(40, 50, 1);
  for (index_t i = 0; i < w.size(); i += 3) w(i) = 0;
  return w;
}

std::vector<packed_matrix> all_encodings() {
  const Eigen::MatrixXf w = weights();
  return {pare::pack_dense(w),
          pare::quantize(w),
          pare::quantize(w, {.scheme = scheme::two_level}),
          pare::quantize(w, pare::nf4()),
          pare::quantize(w, {}, encoding::bitmap),
          pare::quantize(w, {}, encoding::sparse),
          pare::quantize(w, {}, encoding::very_sparse)};
}

}  // namespace

TEST_CASE("the bytes of a packed matrix are a packed matrix") {
  for (const packed_matrix& m : all_encodings()) {
    const packed_matrix again = parts(m).build();
    Eigen::MatrixXf before(40, 50), after(40, 50);
    dequantize(m, before);
    dequantize(again, after);
    CHECK(before == after);
    CHECK(again.stored_weights() == m.stored_weights());
  }
}

TEST_CASE("a byte too few, a byte too many and none at all are refused") {
  for (const packed_matrix& m : all_encodings()) {
    parts p(m);
    p.bytes.push_back(std::byte{0});
    CHECK(p.refused());
    p.bytes.resize(p.bytes.size() - 2);
    CHECK(p.refused());
    p.bytes.resize(64);
    CHECK(p.refused());
    p.bytes.clear();
    CHECK(p.refused());
  }
}

TEST_CASE("a shape that the bytes do not have is refused, a huge or negative one too") {
  for (const packed_matrix& m : all_encodings())
    for (const index_t wrong : {index_t{-1}, index_t{100}, index_t{1} << 31, (index_t{1} << 31) + 1,
                                std::numeric_limits<index_t>::max(), std::numeric_limits<index_t>::min()}) {
      parts p(m);
      p.rows = wrong;
      CHECK(p.refused());
      p = parts(m);
      p.cols = wrong;
      CHECK(p.refused());
    }
  parts p(pare::quantize(weights()));
  p.rows = -1;
  CHECK(error_message([&] { p.build(); }) == "the matrix is -1 x 50, each must be 0 to 2^31");
}

TEST_CASE("a format out of range is refused") {
  const auto refused = [](const packed_matrix& m, auto&& change) {
    parts p(m);
    change(p.format);
    return p.refused();
  };
  const Eigen::MatrixXf w = weights();
  const packed_matrix codes = pare::quantize(w), dense = pare::pack_dense(w);
  const packed_matrix bitmap = pare::quantize(w, {}, encoding::bitmap);
  for (const int bits : {-1, 0, 9, 32}) CHECK(refused(codes, [&](auto& f) { f.bits = bits; }));
  for (const int bits : {0, 4, 8, 31}) CHECK(refused(dense, [&](auto& f) { f.bits = bits; }));
  for (const index_t size : {index_t{-32}, index_t{0}, index_t{32769}, std::numeric_limits<index_t>::max()}) {
    CHECK(refused(codes, [&](auto& f) { f.group_size = size; }));
    CHECK(refused(bitmap, [&](auto& f) { f.group_size = size; }));
    CHECK(refused(dense, [&](auto& f) { f.group_size = size; }));
  }
  CHECK(refused(dense, [](auto& f) { f.group_size = 5; }));
  for (const int unknown : {-1, 4, 255}) {
    CHECK(refused(codes, [&](auto& f) { f.encoding = static_cast<encoding>(unknown); }));
    CHECK(refused(codes, [&](auto& f) { f.scheme = static_cast<scheme>(unknown - (unknown == 4)); }));
  }
  for (const scheme s : {scheme::asymmetric, scheme::two_level}) {
    CHECK(refused(bitmap, [&](auto& f) { f.scheme = s; }));
    CHECK(refused(dense, [&](auto& f) { f.scheme = s; }));
    CHECK(refused(pare::quantize(w, pare::nf4()), [&](auto& f) { f.scheme = s; }));
  }
  CHECK(refused(dense, [](auto& f) { f.codebook = true; }));
  CHECK(refused(codes, [](auto& f) { f.codebook = true; }));
  CHECK(refused(codes, [](auto& f) { f.encoding = encoding::bitmap; }));
}

TEST_CASE("a bitmap whose panels do not lie one behind the other is refused") {
  const packed_matrix m = pare::quantize(weights(), {}, encoding::bitmap);
  const parts good(m);
  REQUIRE(m.layout().panels == 3);
  for (std::size_t panel = 0; panel <= 3; ++panel)
    for (const std::uint64_t wrong :
         {std::uint64_t{0}, good.get<std::uint64_t>(8 * panel) + 64, good.get<std::uint64_t>(8 * panel) - 64,
          std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
      parts p = good;
      p.put(8 * panel, wrong);
      CHECK(p.refused());
    }
}

TEST_CASE("a bitmap whose masks ask for more or fewer codes than there are is refused") {
  const packed_matrix m = pare::quantize(weights(), {}, encoding::bitmap);
  const parts good(m);
  for (index_t panel = 0; panel < 3; ++panel) {
    const auto masks = static_cast<std::size_t>(m.panel(panel) - m.bytes().data() + m.layout().index_at);
    for (const std::uint64_t wrong : {std::uint64_t{0}, ~std::uint64_t{0}}) {
      parts p = good;
      for (std::size_t step = 0; step < 13; ++step) p.put(masks + 8 * step, wrong);
      CHECK(p.refused());
    }
  }
}

TEST_CASE("a sparse matrix whose counts are wrong is refused") {
  const packed_matrix m = pare::quantize(weights(), {.bits = 8}, encoding::sparse);
  const parts good(m);
  REQUIRE(m.layout().blocks == 2);  // groups of 32 and 18 columns: at most 8 and 5 steps
  for (index_t panel = 0; panel < 3; ++panel)
    for (const index_t block : {0, 1}) {
      const auto at = static_cast<std::size_t>(m.panel(panel) - m.bytes().data() + m.layout().index_at + block);
      for (const int wrong : {9, 16, 255, static_cast<int>(good.get<std::uint8_t>(at)) - 1}) {
        parts p = good;
        INFO("panel " << panel << ", block " << block << ": " << wrong);
        p.put(at, static_cast<std::uint8_t>(wrong));
        CHECK(p.refused());
      }
    }
}

TEST_CASE("every truncation of a matrix without its zeros is refused") {
  for (const encoding as : {encoding::bitmap, encoding::sparse, encoding::very_sparse}) {
    parts p(pare::quantize(weights(), {}, as));
    index_t accepted = 0;
    while (!p.bytes.empty()) {
      p.bytes.erase(p.bytes.end() - std::min<std::ptrdiff_t>(std::ssize(p.bytes), 37), p.bytes.end());
      accepted += !p.refused();
    }
    CHECK(accepted == 0);
  }
}

TEST_CASE("a sparse matrix whose positions do not rise within their block is refused") {
  // One row with nonzeros in columns 3 and 5 of a block of 36; the positions of a single step are bytes.
  Eigen::MatrixXf w = Eigen::MatrixXf::Zero(1, 36);
  w(0, 3) = w(0, 5) = 1;
  const packed_matrix m = pare::quantize(
      w, {.bits = 8, .granularity = pare::granularity::row, .range = pare::range::min_max}, encoding::sparse);
  const parts good(m);
  const auto values = static_cast<std::size_t>(m.panel(0) - m.bytes().data() + m.layout().values_at);
  REQUIRE(good.get<std::uint8_t>(values) == 3);
  REQUIRE(good.get<std::uint8_t>(values + 1) == 5);
  const auto refused = [&](std::size_t place, int position) {
    parts p = good;
    p.put(values + place, static_cast<std::uint8_t>(position));
    return p.refused();
  };
  CHECK(!refused(0, 4));
  CHECK(!refused(1, 35));
  CHECK(refused(1, 36));
  CHECK(refused(1, 63));
  CHECK(refused(1, 3));  // twice
  CHECK(refused(1, 2));
  CHECK(refused(0, 5));
  CHECK(!refused(2, 63));  // of a zero, which fills up the step
}

TEST_CASE("a sparse matrix with any bytes for codes and positions is refused, or multiplies as it reads") {
  const auto as = GENERATE(encoding::sparse, encoding::very_sparse);
  const packed_matrix m = pare::quantize(weights(), {.bits = 4}, as);
  const Eigen::MatrixXf x = gaussian(50, 5, 2);
  std::uint32_t random = 1;
  index_t accepted = 0, wrong = 0;
  for (int trial = 0; trial < 300; ++trial) {
    parts p(m);
    const auto next = [&] { return (random = random * 1664525u + 1013904223u) >> 8; };
    const auto panel = static_cast<index_t>(next() % 3);
    const auto begin = static_cast<std::size_t>(m.panel(panel) - m.bytes().data() + m.layout().values_at);
    for (int change = 0; change < 3; ++change) p.put(begin + next() % 256, static_cast<std::uint8_t>(next()));
    if (p.refused()) continue;
    ++accepted;
    const packed_matrix other = p.build();
    Eigen::MatrixXf y(m.rows(), 5);
    for (const auto inputs : {pare::precision::int8, pare::precision::float32}) {
      multiply(other, x, y, {.inputs = inputs});
      Eigen::VectorXf alone(m.rows());
      multiply(other, x.col(4), alone, {.inputs = inputs});
      for (index_t row = 0; row < m.rows(); ++row) {
        const float expected = pare::detail::reference_row(other, row).output(x.col(4).data(), 0, inputs);
        wrong += y(row, 4) != expected || alone[row] != expected;
      }
    }
  }
  CHECK(accepted > 0);
  CHECK(accepted < 300);
  CHECK(wrong == 0);
}

// pack_fastest: which encodings it tries, what it says of them, and that its choice is not a slow one.
#include <pare/kernels/fastest.hpp>
#include <pare/prune/prune.hpp>
#include <pare/tensor/eigen.hpp>

#include "catch.hpp"
#include "support.hpp"

using pare::encoding;
using pare::fastest_packing;
using pare::index_t;
using pare::pack_fastest;
using pare::quantize_codes;

namespace {

std::vector<encoding> encodings_of(const fastest_packing& packing) {
  std::vector<encoding> tried;
  for (const pare::timed_encoding& t : packing.tried) tried.push_back(t.as);
  std::sort(tried.begin(), tried.end());
  return tried;
}

pare::quantized_codes pruned(index_t rows, index_t cols, double zeros) {
  Eigen::MatrixXf w = gaussian(rows, cols, 1);
  prune(w, pare::sparsity{zeros});
  return quantize_codes(w, {.bits = 4, .granularity = pare::granularity::row, .range = pare::range::min_max});
}

}  // namespace

TEST_CASE("the fastest packing has tried every encoding that can hold the codes, the fastest first") {
  const std::vector<encoding> all = {encoding::codes, encoding::bitmap, encoding::sparse, encoding::very_sparse};
  const Eigen::MatrixXf w = gaussian_third_zero(20, 70, 1);
  const fastest_packing symmetric = pack_fastest(quantize_codes(w, {.bits = 4}));
  CHECK(encodings_of(symmetric) == all);
  CHECK(symmetric.matrix.format().encoding == symmetric.tried.front().as);
  CHECK(symmetric.matrix.bytes().size() == symmetric.tried.front().bytes);
  for (std::size_t i = 1; i < symmetric.tried.size(); ++i)
    CHECK(symmetric.tried[i].microseconds >= symmetric.tried[i - 1].microseconds);
  CHECK(encodings_of(pack_fastest(quantize_codes(w, {.bits = 1}))) == std::vector{encoding::codes});
  CHECK(encodings_of(pack_fastest(quantize_codes(w, {.scheme = pare::scheme::two_level}))) ==
        std::vector{encoding::codes});
  CHECK(encodings_of(pack_fastest(quantize_codes(w, pare::nf4()))) == all);
  const pare::codebook no_zero{{-127, 127}};
  CHECK(encodings_of(pack_fastest(quantize_codes(w, no_zero, {.bits = 1}))) ==
        std::vector{encoding::codes, encoding::bitmap});
}

TEST_CASE("the choice of an encoding does not change the outputs") {
  const pare::quantized_codes q = pruned(40, 600, 0.9);
  const Eigen::MatrixXf x = gaussian(600, 3, 2);
  for (const auto inputs : {pare::precision::int8, pare::precision::float32}) {
    Eigen::MatrixXf expected(40, 3), y(40, 3);
    multiply(pack(q), x, expected, {.inputs = inputs});
    multiply(pack_fastest(q, {.batch = 3, .inputs = inputs}).matrix, x, y, {.inputs = inputs});
    CHECK(y == expected);
  }
}

TEST_CASE("nearly all zeros are left out by the fastest packing, no zeros are not") {
  CHECK(pack_fastest(pruned(512, 2048, 0.995)).matrix.format().encoding >= encoding::sparse);
  CHECK(pack_fastest(pruned(512, 2048, 0)).matrix.format().encoding == encoding::codes);
}

TEST_CASE("the report has a line per encoding, and says which are slower") {
  const fastest_packing packing{
      {}, {{encoding::codes, 100, 2.0}, {encoding::sparse, 50, 3.0}, {encoding::bitmap, 60, 8.0}}};
  CHECK(report(packing) ==
        "codes: 2 us, 100 bytes\n"
        "sparse: 3 us, 50 bytes, slower: 1.5 times as long as codes\n"
        "bitmap: 8 us, 60 bytes, slower: 4 times as long as codes\n");
}

TEST_CASE("the fastest packing for an empty batch is refused") {
  CHECK(error_message<pare::value_error>([] { pack_fastest(pruned(3, 4, 0.5), {.batch = 0}); }) ==
        "batch is 0, must be at least 1");
}

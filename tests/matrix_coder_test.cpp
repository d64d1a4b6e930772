// Matrices of codes: they come back, in hardly more bytes than the entropy of the source they were drawn from.
#include <pare/storage/matrix_coder.hpp>

#include <numeric>

#include <pare/storage/symbol_decoder.hpp>
#include <pare/storage/symbol_encoder.hpp>

#include "catch.hpp"
#include "coded.hpp"
#include "support.hpp"

using namespace pare::detail;
using pare::index_t;

namespace {

struct matrix {
  index_t rows;
  index_t cols;
  int bits;
  std::vector<std::uint8_t> codes;

  code_matrix view() { return {rows, cols, bits, 1 << (bits - 1), codes}; }
};

std::vector<std::byte> encoded(matrix m, symbol_mode mode) {
  symbol_encoder encoder(mode);
  code_matrix_codes(encoder, m.view());
  return std::move(encoder).finish();
}

std::vector<std::uint8_t> decoded(const std::vector<std::byte>& bytes, matrix m, symbol_mode mode) {
  std::fill(m.codes.begin(), m.codes.end(), std::uint8_t{0});
  symbol_decoder decoder(mode, bytes);
  code_matrix_codes(decoder, m.view());
  decoder.finish();
  return m.codes;
}

double bits_of(double p) { return p <= 0 || p >= 1 ? 0 : -p * std::log2(p) - (1 - p) * std::log2(1 - p); }

constexpr symbol_mode both[] = {symbol_mode::adaptive, symbol_mode::blocks};

}  // namespace

TEST_CASE("independent codes take at most 1 % more than their entropy, whichever coder") {
  for (const auto& [bits, weights] : every_source()) {
    // So many that what has to be learned or told of a source is little: 75 KB and more.
    const double rough = entropy_of(drawn_symbols(weights, 10'000, 2)) / 10'000;
    const index_t rows = std::max<index_t>(500, static_cast<index_t>(600'000 / rough / 800));
    matrix m{rows, 800, bits, drawn_symbols(weights, static_cast<std::size_t>(rows * 800), 1)};
    const double entropy = entropy_of(m.codes) / 8;
    for (const symbol_mode mode : both) {
      const auto bytes = encoded(m, mode);
      INFO(bits << " bits, the first code " << weights[0] << ", coder " << static_cast<int>(mode));
      CHECK(static_cast<double>(bytes.size()) <= entropy * 1.01);
      REQUIRE(decoded(bytes, m, mode) == m.codes);
    }
  }
}

TEST_CASE("a matrix whose density is that of its row times that of its column takes little more than its entropy") {
  std::mt19937 random(2);
  std::exponential_distribution<double> draw;
  matrix m{100, 600, 3, {}};
  std::vector<double> row(100), col(600);
  for (double& r : row) r = draw(random);
  for (double& c : col) c = random() % 3 == 0 ? 0 : draw(random);
  double entropy = 600 * bits_of(1.0 / 3);
  double nonzeros = 0;
  for (const double r : row)
    for (const double c : col) {
      const double p = std::min(0.03 * r * c, 0.9);
      const bool nonzero = std::bernoulli_distribution(p)(random);
      m.codes.push_back(static_cast<std::uint8_t>(nonzero ? 4 + (random() % 2 == 0 ? 1 : -1) : 4));
      entropy += bits_of(p) + nonzero;
      nonzeros += nonzero;
    }
  const auto bytes = encoded(m, symbol_mode::adaptive);
  CHECK(decoded(bytes, m, symbol_mode::adaptive) == m.codes);
  // Each of the 500 live lines has a density to be learned, of about half the log2 of its nonzeros.
  CHECK(static_cast<double>(bytes.size()) <= (entropy + 500 * 0.5 * std::log2(nonzeros / 500 + 1) + 100) / 8 * 1.05);
}

TEST_CASE("the bytes of every plan are the information of its bits, within a thousandth, and decode to the codes") {
  matrix m{40, 90, 4, drawn_symbols({0, 0, 0, 0, 0, 1, 1, 2, 30, 3, 1, 1, 0, 0, 0, 0}, 3600, 3)};
  for (const index_t grid : {0, 3, 10, 45})
    for (const bool by_columns : {false, true})
      for (const bool levels : {false, true}) {
        const matrix_plan plan{levels, {by_columns, grid}};
        range_encoder encoder;
        code_by_plan(encoder, m.view(), plan);
        const auto bytes = std::move(encoder).finish();
        information_counter counter;
        code_by_plan(counter, m.view(), plan);
        CHECK(static_cast<double>(bytes.size()) <= counter.bits / 8 * 1.001 + 2);
        matrix out = m;
        std::fill(out.codes.begin(), out.codes.end(), std::uint8_t{0});
        range_decoder decoder(bytes);
        code_by_plan(decoder, out.view(), plan);
        decoder.finish();
        REQUIRE(out.codes == m.codes);
      }
}

TEST_CASE("matrices of every shape come back") {
  for (const auto& [rows, cols] :
       std::vector<std::pair<index_t, index_t>>{{1, 1}, {1, 2}, {1, 300}, {300, 1}, {2, 7}, {17, 33}})
    for (const int bits : {1, 2, 3, 7, 8})
      for (const symbol_mode mode : both) {
        const std::size_t size = static_cast<std::size_t>(rows * cols), codes = std::size_t{1} << bits;
        std::vector<std::vector<std::uint8_t>> contents(3);
        contents[0] = drawn_symbols(std::vector<double>(codes, 1.0), size, 4);
        contents[1].assign(size, static_cast<std::uint8_t>(codes / 2));
        contents[2].assign(size, static_cast<std::uint8_t>(codes - 1));
        for (const auto& content : contents) {
          const matrix m{rows, cols, bits, content};
          REQUIRE(decoded(encoded(m, mode), m, mode) == content);
        }
      }
}

TEST_CASE("levels of every size come back, whichever code stands for zero") {
  std::mt19937 random(5);
  for (const int zero : {0, 1, 128, 255}) {
    std::vector<std::uint8_t> codes(3000, static_cast<std::uint8_t>(zero)), out(3000);
    for (int i = 0; i < 400; ++i) codes[random() % codes.size()] = static_cast<std::uint8_t>(random() % 256);
    range_encoder encoder;
    code_by_plan(encoder, {50, 60, 8, zero, codes}, {true, {false, 10}});
    const auto bytes = std::move(encoder).finish();
    range_decoder decoder(bytes);
    code_by_plan(decoder, {50, 60, 8, zero, out}, {true, {false, 10}});
    CHECK(out == codes);
  }
}

TEST_CASE("the width of the image is found whose pixels are the columns") {
  // Blobs: neuron r looks at the pixels near a place of its own.
  for (const index_t width : {11, 28, 40}) {
    const index_t cols = width * 20, rows = 120;
    matrix m{rows, cols, 2, std::vector<std::uint8_t>(static_cast<std::size_t>(rows * cols), 2)};
    std::mt19937 random(6);
    for (index_t r = 0; r < rows; ++r) {
      const double x = static_cast<double>(random() % 1000) / 1000 * static_cast<double>(width);
      const double y = 10 + static_cast<double>(random() % 1000) / 200 - 2.5;
      for (index_t c = 0; c < cols; ++c) {
        const double dx = static_cast<double>(c % width) - x, dy = static_cast<double>(c / width) - y;
        const bool nonzero = static_cast<double>(random() % 1000) < 700 * std::exp(-(dx * dx + dy * dy) / 8);
        if (nonzero) m.codes[static_cast<std::size_t>(r * cols + c)] = static_cast<std::uint8_t>(random() % 2 ? 1 : 3);
      }
    }
    const auto grids = likely_grids(m.view());
    CHECK(std::count(grids.begin(), grids.end(), width) == 1);
    const matrix_plan plan = choose_plan(m.view());
    CHECK(plan.levels);
    CHECK(plan.order.grid == width);
  }
}

TEST_CASE("a plan with a grid that does not fit is refused") {
  for (const index_t grid : {1, 2, 26, 1 << 20}) {
    range_encoder encoder;
    encoder.code_flat(1, 1);
    encoder.code_flat(0, 1);
    number_model().code(encoder, static_cast<std::uint32_t>(grid));
    const auto bytes = std::move(encoder).finish();
    symbol_decoder decoder(symbol_mode::adaptive, bytes);
    matrix m{4, 50, 2, std::vector<std::uint8_t>(200)};
    const auto message = error_message<pare::format_error>([&] { code_matrix_codes(decoder, m.view()); });
    CHECK(message == "has a grid of " + std::to_string(grid) + " columns, must be 0 or 3 to 25");
  }
}

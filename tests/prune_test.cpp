// The prune verbs and their masks against a full sort.
#include <pare/prune/prune.hpp>
#include <pare/tensor/eigen.hpp>
#include <pare/tensor/xtensor.hpp>

#include <cmath>
#include <functional>
#include <numeric>
#include <random>

#include "catch.hpp"
#include "support.hpp"

using pare::index_t;
using pare::mask;

namespace {

template <class T, int Order = Eigen::ColMajor>
using matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Order>;

// Eighths between -limit/8 and limit/8: many ties, zeros of both signs, exact in every element type.
template <class T>
matrix<T> random_matrix(index_t rows, index_t cols, unsigned seed, int limit = 20) {
  std::mt19937 bits(seed);
  matrix<T> w(rows, cols);
  for (index_t row = 0; row < rows; ++row)
    for (index_t col = 0; col < cols; ++col) {
      const auto eighths = static_cast<float>(bits() % static_cast<unsigned>(limit + 1)) / 8.0f;
      w(row, col) = T(bits() % 2 == 0 ? eighths : -eighths);
    }
  return w;
}

// The numbers of a tensor in row-major order, as they rank it.
template <class W>
std::vector<double> scores_of(const W& w) {
  const auto x = pare::as_matrix(w);
  std::vector<double> scores;
  for (index_t row = 0; row < x.rows(); ++row)
    for (index_t col = 0; col < x.cols(); ++col) scores.push_back(static_cast<double>(x(row, col)));
  return scores;
}

template <class W>
std::vector<double> magnitudes_of(const W& w) {
  std::vector<double> magnitudes = scores_of(w);
  for (double& value : magnitudes) value = std::abs(value);
  return magnitudes;
}

// Marks the `keep` largest of scores[from, to) by a stable sort.
void keep_largest(const std::vector<double>& scores, index_t from, index_t to, index_t keep, std::vector<bool>& kept) {
  std::vector<index_t> order(static_cast<std::size_t>(to - from));
  std::iota(order.begin(), order.end(), from);
  const auto at = [&scores](index_t i) { return scores[static_cast<std::size_t>(i)]; };
  std::stable_sort(order.begin(), order.end(), [&at](index_t a, index_t b) { return at(a) > at(b); });
  for (index_t i = 0; i < keep; ++i) kept[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = true;
}

std::vector<bool> largest(const std::vector<double>& scores, index_t keep) {
  std::vector<bool> kept(scores.size());
  keep_largest(scores, 0, static_cast<index_t>(scores.size()), keep, kept);
  return kept;
}

std::vector<bool> bits_of(const mask& m) {
  std::vector<bool> bits;
  for (index_t row = 0; row < m.rows(); ++row)
    for (index_t col = 0; col < m.cols(); ++col) bits.push_back(m.test(row, col));
  return bits;
}

// Whether `after` is `before` where the mask keeps, and zero elsewhere.
template <class W, class V>
bool is_masked(const W& after, const V& before, const mask& kept) {
  const std::vector<double> now = scores_of(after), then = scores_of(before);
  const std::vector<bool> bits = bits_of(kept);
  for (std::size_t i = 0; i < now.size(); ++i)
    if (now[i] != (bits[i] ? then[i] : 0.0)) return false;
  return now.size() == bits.size();
}

// The n largest of each m columns of a row.
std::vector<bool> largest_of_runs(const std::vector<double>& scores, index_t cols, index_t n, index_t m) {
  std::vector<bool> kept(scores.size());
  const auto size = static_cast<index_t>(scores.size());
  for (index_t row = 0; row < size; row += cols)
    for (index_t col = 0; col < cols; col += m) {
      const index_t end = std::min(col + m, cols);
      keep_largest(scores, row + col, row + end, std::min(n, end - col), kept);
    }
  return kept;
}

// Sums of each r x c block in row-major order, then a sort of the blocks.
std::vector<bool> largest_blocks(const std::vector<double>& scores, index_t rows, index_t cols, index_t r, index_t c,
                                 index_t keep) {
  const index_t across = (cols + c - 1) / c, down = (rows + r - 1) / r;
  std::vector<double> sums(static_cast<std::size_t>(across * down));
  const auto block = [&](index_t i) { return static_cast<std::size_t>(i / cols / r * across + i % cols / c); };
  for (index_t i = 0; i < rows * cols; ++i) sums[block(i)] += scores[static_cast<std::size_t>(i)];
  const std::vector<bool> kept_blocks = largest(sums, keep);
  std::vector<bool> kept;
  for (index_t i = 0; i < rows * cols; ++i) kept.push_back(kept_blocks[block(i)]);
  return kept;
}

const float not_a_number = std::numeric_limits<float>::quiet_NaN();
const float infinity = std::numeric_limits<float>::infinity();

}  // namespace

TEMPLATE_TEST_CASE("prune keeps exactly round((1 - sparsity) * n) weights, the largest, the first of equals", "", float,
                   double, Eigen::half, Eigen::bfloat16) {
  for (const index_t size : {0, 1, 2, 63, 64, 65, 1000})
    for (int sixteenths = 0; sixteenths <= 16; ++sixteenths) {
      const matrix<TestType> before = random_matrix<TestType>(1, size, static_cast<unsigned>(size));
      matrix<TestType> w = before;
      const index_t keep = (size * (16 - sixteenths) * 2 + 16) / 32;  // the half rounded up
      const mask kept = pare::prune(w, pare::sparsity{sixteenths / 16.0});
      CHECK(kept.count() == keep);
      CHECK(bits_of(kept) == largest(magnitudes_of(before), keep));
      CHECK(is_masked(w, before, kept));
    }
}

// The `keep` largest of many scores: all above the keep-th of a full sort, then the first of those equal to it.
std::vector<bool> largest_of_many(const std::vector<double>& scores, index_t keep) {
  std::vector<double> sorted = scores;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const double least = keep == 0 ? HUGE_VAL : sorted[static_cast<std::size_t>(keep - 1)];
  index_t ties = keep - std::count_if(scores.begin(), scores.end(), [&](double x) { return x > least; });
  std::vector<bool> kept;
  for (const double score : scores) kept.push_back(score > least || (score == least && ties-- > 0));
  return kept;
}

TEMPLATE_TEST_CASE("many weights are pruned as few are, whatever their distribution and layout", "", float, double) {
  const index_t rows = 521, cols = 509;
  std::mt19937 bits(4);
  std::normal_distribution<double> normal;
  const std::vector<std::function<double(index_t)>> distributions{
      [&](index_t) { return normal(bits); },
      [&](index_t) { return std::round(normal(bits) * 4); },        // ties everywhere
      [&](index_t) { return 0.5; },                                 // nothing but ties
      [&](index_t i) { return i % 10 == 0 ? normal(bits) : 0.0; },  // pruned before
      [&](index_t i) { return i < rows * cols / 2 ? 1e-30 * normal(bits) : normal(bits); },
      [&](index_t i) { return static_cast<double>(i % 2 == 0 ? i : -i); },  // sorted
      [&](index_t) { return std::ldexp(normal(bits), -static_cast<int>(bits() % 100)); },
  };
  for (const auto& distribution : distributions)
    for (const double sparsity : {0.0, 0.00001, 0.3, 0.9, 0.99999, 1.0}) {
      matrix<TestType, Eigen::RowMajor> w(rows, cols);
      for (index_t i = 0; i < w.size(); ++i) w.data()[i] = static_cast<TestType>(distribution(i));
      matrix<TestType> by_column = w;
      const matrix<TestType> before = w;
      const index_t keep = pare::kept_count(w.size(), sparsity);
      const mask kept = pare::prune(w, pare::sparsity{sparsity});
      CHECK(bits_of(kept) == largest_of_many(magnitudes_of(before), keep));
      CHECK(is_masked(w, before, kept));
      CHECK(bits_of(pare::make_mask(pare::by_score(before), pare::sparsity{sparsity})) ==
            largest_of_many(scores_of(before), keep));
      CHECK(pare::prune(by_column, pare::sparsity{sparsity}) == kept);
      CHECK(by_column == w);
    }
}

TEST_CASE("many weights in several tensors are ranked together") {
  std::vector<matrix<float>> w;
  std::vector<double> magnitudes;
  for (const index_t rows : {300, 1, 2, 700}) {
    w.push_back(gaussian(rows, 401, static_cast<unsigned>(rows)));
    for (const double value : magnitudes_of(w.back())) magnitudes.push_back(value);
  }
  const index_t keep = pare::kept_count(static_cast<index_t>(magnitudes.size()), 0.85);
  std::vector<bool> bits;
  for (const mask& kept : pare::prune_globally(pare::sparsity{0.85}, w[0], w[1], w[2], w[3]))
    for (const bool bit : bits_of(kept)) bits.push_back(bit);
  CHECK(bits == largest_of_many(magnitudes, keep));
}

TEST_CASE("one weight among many that is not finite is refused, and nothing is changed") {
  const matrix<float> good = gaussian(600, 500, 1);
  matrix<float> w = good;
  w(599, 498) = infinity;
  CHECK(error_message<pare::value_error>([&] { pare::prune(w, pare::sparsity{0.9}); }) ==
        "weights[599, 498] is inf, must be finite");
  w(599, 498) = good(599, 498);
  CHECK(w == good);
}

TEST_CASE("nine tenths of a thousand weights leave a hundred") {
  Eigen::VectorXf w = Eigen::VectorXf::LinSpaced(1000, -3.0f, 5.0f);
  CHECK(pare::prune(w, pare::sparsity{0.9}).count() == 100);
  CHECK((w.array() != 0.0f).count() == 100);
}

TEST_CASE("the kept count rounds halves away from zero") {
  CHECK(pare::kept_count(5, 0.5) == 3);
  CHECK(pare::kept_count(1, 0.5) == 1);
  CHECK(pare::kept_count(10, 0.25) == 8);
  CHECK(pare::kept_count(0, 0.5) == 0);
}

TEST_CASE("of equal magnitudes the lowest index is kept, whatever the sign of a zero") {
  Eigen::Matrix<float, 1, 6> w(2.0f, -2.0f, 2.0f, -2.0f, 2.0f, 1.0f);
  CHECK(bits_of(pare::prune(w, pare::sparsity{0.5})) == std::vector<bool>{true, true, true, false, false, false});
  Eigen::Vector4f zeros(-0.0f, 0.0f, -0.0f, 0.0f);
  CHECK(bits_of(pare::prune(zeros, pare::sparsity{0.5})) == std::vector<bool>{true, true, false, false});
}

TEMPLATE_TEST_CASE("row- and column-major matrices are pruned alike", "", float, double, Eigen::half, Eigen::bfloat16) {
  matrix<TestType> by_column = random_matrix<TestType>(13, 21, 3);
  matrix<TestType, Eigen::RowMajor> by_row = by_column;
  const auto check = [&](const auto& pattern) {
    CHECK(pare::prune(by_column, pattern) == pare::prune(by_row, pattern));
    CHECK(by_column == by_row);
  };
  check(pare::threshold{0.5});
  check(pare::n_of_m{3, 4});
  check(pare::row_sparsity{0.25});
  check(pare::blocks{.rows = 2, .cols = 3, .sparsity = 0.3});
  check(pare::sparsity{0.8});
}

TEMPLATE_TEST_CASE("a threshold removes what is below it and keeps what equals it", "", float, double, Eigen::half,
                   Eigen::bfloat16) {
  const matrix<TestType> before = random_matrix<TestType>(9, 17, 8);
  for (const double limit : {0.0, 0.0625, 0.125, 1.0, 2.5, 3.0, 1e300, std::numeric_limits<double>::infinity()}) {
    matrix<TestType> w = before;
    const mask kept = pare::prune(w, pare::threshold{limit});
    std::vector<bool> expected;
    for (const double magnitude : magnitudes_of(before)) expected.push_back(magnitude >= limit);
    CHECK(bits_of(kept) == expected);
    CHECK(is_masked(w, before, kept));
  }
}

TEST_CASE("a threshold is compared in the compute type") {
  Eigen::Vector2f single(0.7f, 0.69999f);  // 0.7f < 0.7
  CHECK(bits_of(pare::prune(single, pare::threshold{0.7})) == std::vector<bool>{true, false});
  Eigen::Vector2d exact(0.7, static_cast<double>(0.7f));
  CHECK(bits_of(pare::prune(exact, pare::threshold{0.7})) == std::vector<bool>{true, false});
}

TEMPLATE_TEST_CASE("n of m keeps the n largest of each run and of the shorter tail", "", float, double, Eigen::half,
                   Eigen::bfloat16) {
  struct runs {
    index_t n, m;
  };
  for (const index_t cols : {1, 3, 4, 63, 64, 65, 2500})
    for (const runs r : {runs{2, 4}, runs{0, 4}, runs{4, 4}, runs{1, 1}, runs{3, 7}, runs{5, 16}, runs{5, 17},
                         runs{1, 32}, runs{50, 1000}, runs{700, 2000}}) {
      const matrix<TestType> before = random_matrix<TestType>(5, cols, static_cast<unsigned>(cols));
      matrix<TestType> w = before;
      const mask kept = pare::prune(w, pare::n_of_m{r.n, r.m});
      CHECK(bits_of(kept) == largest_of_runs(magnitudes_of(before), cols, r.n, r.m));
      CHECK(is_masked(w, before, kept));
    }
}

TEST_CASE("n of m takes any m") {
  Eigen::RowVector4f w(1.0f, -4.0f, 3.0f, 2.0f);
  const index_t huge = std::numeric_limits<index_t>::max();
  CHECK(bits_of(pare::prune(w, pare::n_of_m{2, huge})) == std::vector<bool>{false, true, true, false});
  CHECK(bits_of(pare::prune(w, pare::n_of_m{huge, huge})) == std::vector<bool>{true, true, true, true});
}

TEMPLATE_TEST_CASE("row sparsity keeps the same count of each row", "", float, double, Eigen::half, Eigen::bfloat16) {
  for (const index_t cols : {1, 2, 63, 64, 65}) {
    const matrix<TestType> before = random_matrix<TestType>(6, cols, 4);
    for (int eighths = 0; eighths <= 8; ++eighths) {
      matrix<TestType> w = before;
      const mask kept = pare::prune(w, pare::row_sparsity{eighths / 8.0});
      const index_t keep = (cols * (8 - eighths) * 2 + 8) / 16;
      CHECK(bits_of(kept) == largest_of_runs(magnitudes_of(before), cols, keep, cols));
      CHECK(is_masked(w, before, kept));
    }
  }
}

TEMPLATE_TEST_CASE("blocks are removed as a whole by their sum, smaller ones at the edge", "", float, double,
                   Eigen::half, Eigen::bfloat16) {
  struct shape {
    index_t rows, cols, r, c;
  };
  for (const shape s : {shape{8, 8, 4, 4}, shape{9, 10, 4, 4}, shape{7, 5, 1, 5}, shape{6, 6, 1, 1}, shape{3, 3, 8, 8},
                        shape{13, 70, 16, 4}}) {
    const matrix<TestType> before = random_matrix<TestType>(s.rows, s.cols, 6);
    const index_t count = ((s.rows + s.r - 1) / s.r) * ((s.cols + s.c - 1) / s.c);
    for (int quarters = 0; quarters <= 4; ++quarters) {
      matrix<TestType> w = before;
      const mask kept = pare::prune(w, pare::blocks{.rows = s.r, .cols = s.c, .sparsity = quarters / 4.0});
      const index_t keep = (count * (4 - quarters) * 2 + 4) / 8;
      CHECK(bits_of(kept) == largest_blocks(magnitudes_of(before), s.rows, s.cols, s.r, s.c, keep));
      CHECK(is_masked(w, before, kept));
    }
  }
}

TEST_CASE("blocks of the largest numbers may have an infinite sum") {
  Eigen::Matrix2d w = Eigen::Matrix2d::Constant(std::numeric_limits<double>::max());
  w(1, 1) = 1.0;
  CHECK(bits_of(pare::prune(w, pare::blocks{.rows = 1, .cols = 2, .sparsity = 0.5})) ==
        std::vector<bool>{true, true, false, false});
}

TEMPLATE_TEST_CASE("scores decide by their value, negative ones too", "", float, double, Eigen::half, Eigen::bfloat16) {
  const matrix<double> before = random_matrix<double>(7, 18, 1);
  const matrix<TestType, Eigen::RowMajor> scores = random_matrix<TestType>(7, 18, 2);
  const std::vector<double> values = scores_of(scores);
  const auto check = [&](const auto& pattern, const std::vector<bool>& expected) {
    matrix<double> w = before;
    const mask kept = pare::prune(w, scores, pattern);
    CHECK(bits_of(kept) == expected);
    CHECK(is_masked(w, before, kept));
    CHECK(pare::make_mask(pare::by_score(scores), pattern) == kept);
  };
  std::vector<bool> above;
  for (const double value : values) above.push_back(value >= 0.5);
  check(pare::threshold{0.5}, above);
  check(pare::sparsity{0.5}, largest(values, 63));
  check(pare::row_sparsity{0.5}, largest_of_runs(values, 18, 9, 18));
  check(pare::n_of_m{2, 4}, largest_of_runs(values, 18, 2, 4));
  check(pare::blocks{.rows = 2, .cols = 4, .sparsity = 0.5}, largest_blocks(values, 7, 18, 2, 4, 10));
}

TEST_CASE("a mask can be had without changing the weights") {
  const matrix<float> w = random_matrix<float>(5, 8, 1);
  matrix<float> pruned = w;
  CHECK(pare::make_mask(pare::by_magnitude(w), pare::sparsity{0.5}) == pare::prune(pruned, pare::sparsity{0.5}));
}

TEST_CASE("prune on a block leaves what lies around it") {
  const matrix<float> before = random_matrix<float>(12, 11, 9);
  matrix<float> w = before;
  const matrix<float> inside = before.block(3, 2, 6, 7);
  const mask kept = pare::prune(w.block(3, 2, 6, 7), pare::sparsity{0.75});
  CHECK(bits_of(kept) == largest(magnitudes_of(inside), 11));
  CHECK(is_masked(matrix<float>(w.block(3, 2, 6, 7)), inside, kept));
  matrix<float> around = w;
  around.block(3, 2, 6, 7) = inside;
  CHECK(around == before);
}

TEST_CASE("strided and flipped views are pruned in place") {
  std::vector<double> storage(60);
  std::mt19937 bits(3);
  for (double& value : storage) value = static_cast<double>(bits() % 1000) + 1.0;
  const std::vector<double> before = storage;
  // 4 rows of 5, every second element, rows from the last to the first.
  const pare::tensor_view<double, 2> w(storage.data() + 45, {4, 5}, {-15, 2});
  const std::vector<double> inside = scores_of(w);
  const mask kept = pare::prune(w, pare::sparsity{0.5});
  CHECK(bits_of(kept) == largest(inside, 10));
  std::vector<double> expected = before;
  for (std::size_t row = 0; row < 4; ++row)
    for (std::size_t col = 0; col < 5; ++col)
      if (!kept.test(static_cast<index_t>(row), static_cast<index_t>(col))) expected[45 - 15 * row + 2 * col] = 0.0;
  CHECK(storage == expected);
}

TEST_CASE("a convolution kernel is pruned as a matrix of its first axis and the rest") {
  xt::xarray<float> kernel = xt::zeros<float>({3, 2, 3, 3});
  const matrix<float> values = random_matrix<float>(3, 18, 12);
  for (std::size_t i = 0; i < 54; ++i)
    kernel.flat(i) = values(static_cast<index_t>(i / 18), static_cast<index_t>(i % 18));
  const xt::xarray<float> before = kernel;
  const mask kept = pare::prune(kernel, pare::row_sparsity{0.5});
  CHECK(kept.rows() == 3);
  CHECK(kept.cols() == 18);
  CHECK(bits_of(kept) == largest_of_runs(magnitudes_of(before), 18, 9, 18));
  CHECK(is_masked(kernel, before, kept));
}

TEST_CASE("an xtensor view of every other plane leaves the other planes") {
  xt::xtensor<double, 3> w = xt::arange<double>(1.0, 49.0).reshape({4, 3, 4});
  const xt::xtensor<double, 3> before = w;
  pare::prune(xt::view(w, xt::range(0, 4, 2), xt::all(), xt::all()), pare::sparsity{0.5});
  const xt::xtensor<double, 3> odd = xt::view(w, xt::range(1, 4, 2), xt::all(), xt::all());
  const xt::xtensor<double, 3> first = xt::view(w, 0, xt::all(), xt::newaxis());
  const xt::xtensor<double, 3> odd_before = xt::view(before, xt::range(1, 4, 2), xt::all(), xt::all());
  CHECK(odd == odd_before);
  CHECK(xt::sum(first)() == 0.0);
  CHECK(w(2, 0, 0) == 25.0);
}

TEST_CASE("several tensors are ranked together") {
  const matrix<float> before1 = random_matrix<float>(4, 9, 1);
  const matrix<Eigen::half> before2 = random_matrix<Eigen::half>(7, 5, 2);
  const matrix<Eigen::bfloat16> before3 = random_matrix<Eigen::bfloat16>(1, 29, 3);
  std::vector<double> magnitudes = magnitudes_of(before1);
  for (const double value : magnitudes_of(before2)) magnitudes.push_back(value);
  for (const double value : magnitudes_of(before3)) magnitudes.push_back(value);
  for (int quarters = 0; quarters <= 4; ++quarters) {
    auto w1 = before1;
    auto w2 = before2;
    auto w3 = before3;
    const std::vector<mask> kept = pare::prune_globally(pare::sparsity{quarters / 4.0}, w1, w2, w3);
    REQUIRE(kept.size() == 3);
    std::vector<bool> bits;
    for (const mask& each : kept)
      for (const bool bit : bits_of(each)) bits.push_back(bit);
    CHECK(bits == largest(magnitudes, 25 * (4 - quarters)));
    CHECK(is_masked(w1, before1, kept[0]));
    CHECK(is_masked(w2, before2, kept[1]));
    CHECK(is_masked(w3, before3, kept[2]));
  }
}

TEST_CASE("several tensors are ranked together by scores") {
  const Eigen::Vector3d s1(-1.0, -3.0, 4.0), s2(-2.0, 0.0, -4.0);
  const auto masks = pare::make_masks(std::vector{pare::by_score(s1), pare::by_score(s2)}, pare::sparsity{0.5});
  REQUIRE(masks.size() == 2);
  CHECK(bits_of(masks[0]) == std::vector<bool>{true, false, true});
  CHECK(bits_of(masks[1]) == std::vector<bool>{false, true, false});
  CHECK(pare::make_masks(std::vector<pare::importance<float>>{}, pare::sparsity{0.5}).empty());
}

TEST_CASE("a tensor without elements has an empty mask") {
  struct extents {
    index_t rows, cols;
  };
  for (const extents e : {extents{0, 0}, extents{0, 4}, extents{4, 0}}) {
    matrix<float> w(e.rows, e.cols);
    for (const mask& kept :
         {pare::prune(w, pare::sparsity{0.5}), pare::prune(w, pare::row_sparsity{0.5}),
          pare::prune(w, pare::threshold{0.5}), pare::prune(w, pare::n_of_m{2, 4}),
          pare::prune(w, pare::blocks{.rows = 4, .cols = 4, .sparsity = 0.5}), pare::prune(w, w, pare::sparsity{0.5}),
          pare::prune_globally(pare::sparsity{0.5}, w).front()})
      CHECK(kept == mask(e.rows, e.cols));
  }
}

TEST_CASE("a pattern outside its range is refused and the weights stay as they were") {
  const matrix<float> before = random_matrix<float>(6, 8, 1);
  matrix<float> w = before;
  const auto message = [&w](const auto& pattern) {
    const std::string by_magnitude = error_message<pare::value_error>([&] { pare::prune(w, pattern); });
    CHECK(error_message<pare::value_error>([&] { pare::prune(w, w, pattern); }) == by_magnitude);
    return by_magnitude;
  };
  CHECK(message(pare::sparsity{1.5}) == "sparsity is 1.5, must be 0 to 1");
  CHECK(message(pare::sparsity{-0.25}) == "sparsity is -0.25, must be 0 to 1");
  CHECK(message(pare::sparsity{not_a_number}) == "sparsity is nan, must be 0 to 1");
  CHECK(message(pare::row_sparsity{1.5}) == "sparsity is 1.5, must be 0 to 1");
  CHECK(message(pare::row_sparsity{not_a_number}) == "sparsity is nan, must be 0 to 1");
  CHECK(message(pare::threshold{-0.5}) == "threshold is -0.5, must be at least 0");
  CHECK(message(pare::threshold{not_a_number}) == "threshold is nan, must be at least 0");
  CHECK(message(pare::n_of_m{5, 4}) == "n of n_of_m is 5, must be 0 to m = 4");
  CHECK(message(pare::n_of_m{-1, 4}) == "n of n_of_m is -1, must be 0 to m = 4");
  CHECK(message(pare::n_of_m{0, 0}) == "m of n_of_m is 0, must be at least 1");
  CHECK(message(pare::n_of_m{-5, -4}) == "m of n_of_m is -4, must be at least 1");
  CHECK(message(pare::blocks{.rows = 0, .cols = 4, .sparsity = 0.5}) == "blocks are 0 x 4, extents must be at least 1");
  CHECK(message(pare::blocks{.rows = 4, .cols = -1, .sparsity = 0.5}) ==
        "blocks are 4 x -1, extents must be at least 1");
  CHECK(message(pare::blocks{.rows = 4, .cols = 4, .sparsity = 2.0}) == "sparsity is 2, must be 0 to 1");
  CHECK(error_message<pare::value_error>([&] { pare::prune_globally(pare::sparsity{1.5}, w, w); }) ==
        "sparsity is 1.5, must be 0 to 1");
  CHECK(w == before);
}

TEMPLATE_TEST_CASE("a weight that is not finite is refused by its index, and nothing is changed", "", float, double,
                   Eigen::half, Eigen::bfloat16) {
  for (const float bad : {not_a_number, infinity, -infinity}) {
    const std::string what = "[2, 3] is " + pare::detail::text(bad) + ", must be finite";
    const matrix<TestType> good = random_matrix<TestType>(4, 5, 2);
    matrix<TestType> w = good;
    w(2, 3) = TestType(bad);
    const auto refused = [&](const std::string& name, auto&& call) {
      CHECK(error_message<pare::value_error>(call) == name + what);
    };
    refused("weights", [&] { pare::prune(w, pare::sparsity{0.5}); });
    refused("weights", [&] { pare::prune(w, pare::row_sparsity{0.5}); });
    refused("weights", [&] { pare::prune(w, pare::threshold{0.5}); });
    refused("weights", [&] { pare::prune(w, pare::n_of_m{2, 4}); });
    refused("weights", [&] { pare::prune(w, pare::blocks{.rows = 2, .cols = 2, .sparsity = 0.5}); });
    refused("weights", [&] { pare::prune(w, good, pare::sparsity{0.5}); });
    matrix<TestType> other = good;
    refused("scores", [&] { pare::prune(other, w, pare::sparsity{0.5}); });
    refused("weights of tensor 1", [&] { pare::prune_globally(pare::sparsity{0.5}, other, w); });
    CHECK(other == good);
    w(2, 3) = good(2, 3);
    CHECK(w == good);
  }
}

TEST_CASE("scores of another shape than the weights are refused") {
  const matrix<float> before = random_matrix<float>(4, 6, 1);
  matrix<float> w = before;
  const matrix<float> scores = random_matrix<float>(6, 4, 1);
  CHECK(error_message<pare::shape_error>([&] { pare::prune(w, scores, pare::sparsity{0.5}); }) ==
        "scores are 6 x 4, weights 4 x 6");
  CHECK(w == before);
}

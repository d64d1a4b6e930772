// Augmentation of images: what each movement does, and that nothing but the seed decides about it.
#include <pare/train/augmentation_cache.hpp>
#include <pare/train/digits.hpp>

#include <limits>

#include <Eigen/LU>

#include <pare/parallel/thread_pool.hpp>

#include "catch.hpp"
#include "support.hpp"

using pare::augmentation;
using pare::index_t;
using pare::detail::elastic_field;
using pare::detail::image_pose;
using image = pare::row_major_matrix;

namespace {

image moved(const image& from, const image_pose& pose) {
  pare::detail::image_warp warp(from.rows(), from.cols());
  warp.aim(pare::detail::map_back(pose), elastic_field(from.rows(), from.cols(), 0, 4, 1));
  image result(from.rows(), from.cols());
  warp.apply([&](std::size_t i) { return from.data()[i]; }, [&](std::size_t i, float v) { result.data()[i] = v; });
  return result;
}

// What the pose says, in double precision: the four neighbours of the place that a pixel comes from.
Eigen::MatrixXd oracle(const image& from, const image_pose& pose) {
  const double degree = std::acos(-1.0) / 180;
  const double turn = pose.rotation * degree;
  Eigen::Matrix2d forth;
  forth << std::cos(turn), -std::sin(turn), std::sin(turn), std::cos(turn);
  forth *= (Eigen::Matrix2d() << 1, std::tan(pose.shear * degree), 0, 1).finished();
  forth *= Eigen::Vector2d(pose.scale_x, pose.scale_y).asDiagonal();
  const Eigen::Vector2d middle(static_cast<double>(from.cols() - 1) / 2, static_cast<double>(from.rows() - 1) / 2);
  const auto pixel = [&](double x, double y) {
    const bool inside =
        x >= 0 && y >= 0 && x < static_cast<double>(from.cols()) && y < static_cast<double>(from.rows());
    return inside ? static_cast<double>(from(static_cast<index_t>(y), static_cast<index_t>(x))) : 0.0;
  };
  Eigen::MatrixXd result(from.rows(), from.cols());
  for (index_t row = 0; row < from.rows(); ++row)
    for (index_t col = 0; col < from.cols(); ++col) {
      const Eigen::Vector2d to(static_cast<double>(col), static_cast<double>(row));
      const Eigen::Vector2d at = forth.inverse() * (to - middle - Eigen::Vector2d(pose.shift_x, pose.shift_y)) + middle;
      const double x = std::floor(at[0]), y = std::floor(at[1]), u = at[0] - x, v = at[1] - y;
      result(row, col) = (1 - v) * ((1 - u) * pixel(x, y) + u * pixel(x + 1, y)) +
                         v * ((1 - u) * pixel(x, y + 1) + u * pixel(x + 1, y + 1));
    }
  return result;
}

}  // namespace

TEST_CASE("an image that is not moved stays as it is") {
  const image from = gaussian(5, 8, 1);
  CHECK(moved(from, {}) == from);
}

TEST_CASE("a shift by whole pixels is exact, and zeros come in") {
  const image from = gaussian(5, 8, 1);
  image expected = image::Zero(5, 8);
  expected.bottomLeftCorner(3, 5) = from.topRightCorner(3, 5);
  CHECK(moved(from, {.shift_x = -3, .shift_y = 2}) == expected);
  CHECK(moved(from, {.shift_x = 8}).isZero(0));
  CHECK(moved(from, {.shift_y = -4096}).isZero(0));
}

TEST_CASE("a rotation by quarters is exact") {
  const image from = gaussian(6, 6, 2);
  const image quarter = from.transpose().rowwise().reverse();  // x becomes y
  CHECK(moved(from, {.rotation = 90}) == quarter);
  CHECK(moved(from, {.rotation = 180}) == from.reverse());
  CHECK(moved(from, {.rotation = -180}) == from.reverse());
  CHECK(moved(from, {.rotation = -90}) == quarter.reverse());
}

TEST_CASE("magnification by two is exact where pixels meet pixels") {
  const image from = gaussian(5, 5, 3);
  const image twice = moved(from, {.scale_x = 2, .scale_y = 2});
  for (const index_t row : {0, 2, 4})
    for (const index_t col : {0, 2, 4}) CHECK(twice(row, col) == from(1 + row / 2, 1 + col / 2));
}

TEST_CASE("every movement is what its formula says") {
  const image from = gaussian(9, 12, 4);
  const image_pose pose = GENERATE(values<image_pose>({
      {.shift_x = 1.3, .shift_y = -0.6},
      {.rotation = 17},
      {.rotation = -140},
      {.scale_x = 1.4, .scale_y = 0.7},
      {.shear = -35},
      {.shift_x = -0.4, .shift_y = 2.2, .rotation = 50, .scale_x = 0.8, .scale_y = 1.1, .shear = 12},
  }));
  // A place is rounded to 1/256 pixel, so that it is off by 1/512 and 12 times the 2^-17 of a factor; a pixel changes
  // by at most the range of all pixels on the way of one in either direction.
  const double range = static_cast<double>(from.maxCoeff() - std::min(from.minCoeff(), 0.0f));
  const double bound = 2 * range * (1.0 / 512 + 12.0 / (1 << 17));
  CHECK((moved(from, pose).cast<double>() - oracle(from, pose)).cwiseAbs().maxCoeff() <= bound);
}

TEST_CASE("displacements have the length that was set, no direction, and are smooth") {
  const double length = 1.5, sigma = GENERATE(1.0, 4.0, 8.0);
  constexpr double unit = 1 << 17;
  elastic_field field(40, 50, length, sigma, unit);
  double squares = 0, sum_x = 0, sum_y = 0, steps = 0;
  constexpr int draws = 400;
  for (std::uint64_t i = 0; i < draws; ++i) {
    pare::detail::random source(7, i);
    field.draw(source);
    for (index_t row = 0; row < 40; ++row)
      for (index_t col = 0; col < 50; ++col) {
        const double x = static_cast<double>(field.x(row, col)) / unit,
                     y = static_cast<double>(field.y(row, col)) / unit;
        squares += x * x + y * y;
        sum_x += x;
        sum_y += y;
        if (col > 0) steps += std::pow(x - static_cast<double>(field.x(row, col - 1)) / unit, 2);
      }
  }
  constexpr double pixels = draws * 40.0 * 50.0;
  // Pixels within 2 sqrt(pi) sigma of each other count as one draw: so many are independent.
  const double independent = pixels / (4 * std::acos(-1.0) * sigma * sigma);
  CHECK(std::abs(squares / pixels / (length * length) - 1) <= 6 / std::sqrt(independent));
  CHECK(std::abs(sum_x / pixels) <= 6 * length / std::sqrt(2 * independent));
  CHECK(std::abs(sum_y / pixels) <= 6 * length / std::sqrt(2 * independent));
  // Neighbours under a Gaussian filter correlate by e^(-1 / (4 sigma^2)).
  const double expected = length * length * (1 - std::exp(-1 / (4 * sigma * sigma)));
  CHECK(steps / (pixels * 49 / 50) == Approx(expected).epsilon(0.15));
}

TEST_CASE("the exponential and the sines are those of the C library") {
  // Ten squarings make 1024 times the relative error of the first.
  for (double x = 0; x <= 20; x += 0.37)
    CHECK(pare::detail::exp_of_minus(x) == Approx(std::exp(-x)).epsilon(1024 * 4e-16).margin(0));
  for (double degrees = -360; degrees <= 360; degrees += 7.3) {
    const pare::detail::sine_cosine both(degrees);
    CHECK(std::abs(both.sine - std::sin(degrees * std::acos(-1.0) / 180)) <= 1e-15);
    CHECK(std::abs(both.cosine - std::cos(degrees * std::acos(-1.0) / 180)) <= 1e-15);
  }
}

namespace {

const augmentation everything = {.shift = 2, .rotation = 15, .scale = 0.2f, .shear = 10, .elastic = 1, .smoothness = 3};

}  // namespace

TEST_CASE("no augmentation gives the same data set") {
  const pare::dataset digits = pare::make_digits(20, 1);
  const pare::dataset same = pare::augmented(digits, {28, 28}, {}, 1);
  CHECK(same.inputs == digits.inputs);
  CHECK(same.labels == digits.labels);
  CHECK(same.classes == 10);
  CHECK(same.name == digits.name);
}

TEST_CASE("the same digits are augmented on every machine") {
  const pare::dataset digits = pare::augmented(pare::make_digits(1000, 1), {28, 28}, everything, 3, 2);
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const float value : digits.inputs.reshaped())
    hash = (hash ^ static_cast<std::uint64_t>(std::lround(value * 255.0f))) * 0x100000001b3u;
  CHECK(hash == 0x5bbf5c6ab23787a1u);
}

TEST_CASE("pixels of 1/255 stay such, and others are not rounded") {
  pare::dataset digits = pare::make_digits(20, 1);
  const Eigen::MatrixXf bytes = pare::augmented(digits, {28, 28}, everything, 1).inputs;
  CHECK(((bytes * 255.0f).array().round() / 255.0f).matrix() == bytes);
  CHECK(bytes.minCoeff() == 0.0f);
  CHECK(bytes.maxCoeff() <= 1.0f);
  CHECK(bytes != digits.inputs);
  digits.inputs *= 2;
  const Eigen::MatrixXf floats = pare::augmented(digits, {28, 28}, everything, 1).inputs;
  CHECK((floats / 2 - bytes).cwiseAbs().maxCoeff() <= 0.5f / 255 + 1e-6f);
  CHECK((floats / 2 - bytes).cwiseAbs().maxCoeff() > 0.4f / 255);
}

TEST_CASE("an image depends on its pixels, its number, the seed and the variant only", "[threads]") {
  const pare::dataset digits = pare::make_digits(50, 1);
  const Eigen::MatrixXf expected = pare::augmented(digits, {28, 28}, everything, 3, 2).inputs;
  for (const int threads : {1, 2, 3, 7}) {
    pare::thread_pool pool(threads);
    CHECK(pare::augmented(digits, {28, 28}, everything, 3, 2, &pool).inputs == expected);
  }
  CHECK(pare::augmented(pare::first(digits, 17), {28, 28}, everything, 3, 2).inputs == expected.leftCols(17));
  const Eigen::MatrixXf variant = pare::augmented(digits, {28, 28}, everything, 3, 1).inputs;
  const Eigen::MatrixXf seed = pare::augmented(digits, {28, 28}, everything, 2, 2).inputs;
  for (index_t i = 0; i < digits.samples(); ++i) {
    CHECK(variant.col(i) != expected.col(i));
    CHECK(seed.col(i) != expected.col(i));
  }
}

TEST_CASE("channels lie one behind the other and move alike") {
  pare::dataset one{gaussian(5 * 7, 3, 1), {}, 0, "curve", gaussian(2, 3, 2)};
  pare::dataset three = one;
  three.inputs = one.inputs.replicate(3, 1);
  three.inputs.middleRows(35, 35) *= 2;
  const pare::dataset alone = pare::augmented(one, {5, 7}, everything, 1);
  const pare::dataset together = pare::augmented(three, {5, 7, 3}, everything, 1);
  CHECK(together.inputs.topRows(35) == alone.inputs);
  CHECK(together.inputs.middleRows(35, 35) == 2 * alone.inputs);
  CHECK(together.inputs.bottomRows(35) == alone.inputs);
  CHECK(together.targets == one.targets);
}

TEST_CASE("a cache gives each epoch its variant", "[threads]") {
  pare::dataset digits = pare::make_digits(30, 1);
  if (GENERATE(false, true)) digits.inputs *= 2;  // no longer bytes
  pare::thread_pool pool(3);
  pare::augmentation_cache cache(digits, {28, 28}, everything, 5, 3, &pool);
  for (const index_t epoch : {0, 1, 2, 3, 3, 1, 5, 7, 0}) {
    const pare::dataset& data = cache.epoch(epoch);
    pare::validate(data);
    CHECK(data.inputs == pare::augmented(digits, {28, 28}, everything, 5, epoch % 3).inputs);
    CHECK(data.labels == digits.labels);
  }
  CHECK(error_message<pare::value_error>([&] { cache.epoch(-1); }) == "augmentation: epoch -1, must not be negative");
}

TEST_CASE("an empty data set is augmented to an empty one") {
  CHECK(pare::augmented(pare::make_digits(0, 1), {28, 28}, everything, 1).samples() == 0);
}

TEST_CASE("shapes and movements that cannot be are refused") {
  const pare::dataset digits = pare::make_digits(2, 1);
  const auto message = [&](const pare::image_shape& shape, const augmentation& options, index_t variants = 1) {
    const std::string result = error_message([&] { pare::augmentation_cache(digits, shape, options, 1, variants); });
    if (variants == 1) CHECK(error_message([&] { pare::augmented(digits, shape, options, 1); }) == result);
    return result;
  };
  CHECK(message({28, 28}, {}).empty());
  CHECK(message({28, 27}, {}) == "augmentation: samples have 784 features, images have 28 x 27 pixels in 1 channels");
  CHECK(message({14, 28, 1}, {}) ==
        "augmentation: samples have 784 features, images have 14 x 28 pixels in 1 channels");
  CHECK(message({14, 28, 2}, {}).empty());
  CHECK(message({0, 28}, {}) == "augmentation: an image is 0 x 28 pixels, must be 1 to 4096 each");
  CHECK(message({1, 4097}, {}) == "augmentation: an image is 1 x 4097 pixels, must be 1 to 4096 each");
  CHECK(message({28, 28}, {.shift = -1}) == "augmentation: shift is -1, must be 0 to 4096");
  CHECK(message({28, 28}, {.rotation = 181}) == "augmentation: rotation is 181, must be 0 to 180");
  CHECK(message({28, 28}, {.scale = 1}) == "augmentation: scale is 1, must be 0 to 0.899999976");
  CHECK(message({28, 28}, {.shear = 90}) == "augmentation: shear is 90, must be 0 to 80");
  CHECK(message({28, 28}, {.elastic = std::numeric_limits<float>::quiet_NaN()}) ==
        "augmentation: elastic is nan, must be 0 to 4096");
  CHECK(message({28, 28}, {.smoothness = 0}) == "augmentation: smoothness is 0, must be 0.5 to 32");
  CHECK(message({28, 28}, {}, 0) == "augmentation: 0 variants, must be at least 1");
  CHECK(error_message<pare::value_error>([&] {
          pare::augmented(digits, {28, 28}, {}, 1, -1);
        }) == "augmentation: variant -1, must not be negative");
}

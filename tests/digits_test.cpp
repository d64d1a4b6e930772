// The drawn digits: the same pixels everywhere, with ink on paper.
#include <pare/train/digits.hpp>

#include "catch.hpp"
#include "support.hpp"

TEST_CASE("the same digits are drawn on every machine") {
  const pare::dataset digits = pare::make_digits(1000, 1);
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const float value : digits.inputs.reshaped())
    hash = (hash ^ static_cast<std::uint64_t>(std::lround(value * 255.0f))) * 0x100000001b3u;
  CHECK(hash == 0x5967c408f6d1ffb1u);
}

TEST_CASE("synthetic digits are balanced 28 x 28 images in steps of 1/255") {
  const pare::dataset digits = pare::make_digits(100, 3);
  pare::validate(digits);
  CHECK(digits.name == "synthetic digits");
  CHECK(digits.classes == 10);
  CHECK(digits.features() == 28 * 28);
  CHECK(digits.samples() == 100);
  for (std::size_t i = 0; i < 100; ++i) CHECK(digits.labels[i] == static_cast<int>(i % 10));
  CHECK(digits.inputs.minCoeff() == 0.0f);
  CHECK(digits.inputs.maxCoeff() <= 1.0f);
  const Eigen::MatrixXf steps = (digits.inputs * 255.0f).array().round() / 255.0f;
  CHECK(steps == digits.inputs);
}

TEST_CASE("every synthetic digit has ink, and more paper") {
  const pare::dataset digits = pare::make_digits(1000, 4);
  for (pare::index_t i = 0; i < digits.samples(); ++i) {
    const pare::index_t dark = (digits.inputs.col(i).array() > 0.4f).count();
    CHECK(dark >= 10);
    CHECK(dark <= 28 * 28 / 2);
  }
}

TEST_CASE("a synthetic digit depends on the seed and its number only") {
  const pare::dataset digits = pare::make_digits(40, 5);
  CHECK(pare::make_digits(15, 5).inputs == digits.inputs.leftCols(15));
  const pare::dataset others = pare::make_digits(40, 6);
  for (pare::index_t i = 0; i < 40; ++i) {
    CHECK(digits.inputs.col(i) != others.inputs.col(i));
    CHECK(digits.inputs.col(i) != digits.inputs.col((i + 10) % 40));
  }
}

TEST_CASE("no synthetic digits may be asked for, fewer not") {
  CHECK(pare::make_digits(0, 1).samples() == 0);
  CHECK(error_message<pare::value_error>([] { pare::make_digits(-1, 1); }) ==
        "digits: -1 samples wanted, must not be negative");
}

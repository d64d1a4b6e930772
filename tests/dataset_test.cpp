// Data sets: splits and checks.
#include <pare/train/dataset.hpp>

#include <algorithm>
#include <limits>

#include "catch.hpp"
#include "support.hpp"

namespace {

// Sample i has inputs (i, -i) and label i mod 3.
pare::dataset make_samples(int count) {
  pare::dataset data{Eigen::MatrixXf(2, count), {}, 3, "numbers"};
  for (int i = 0; i < count; ++i) {
    data.inputs.col(i) << static_cast<float>(i), static_cast<float>(-i);
    data.labels.push_back(i % 3);
  }
  return data;
}

// The numbers of the samples, after checking that each kept its label.
std::vector<int> numbers(const pare::dataset& data) {
  std::vector<int> result;
  for (pare::index_t i = 0; i < data.samples(); ++i) {
    const int number = static_cast<int>(data.inputs(0, i));
    CHECK(data.inputs(1, i) == static_cast<float>(-number));
    CHECK(data.labels[static_cast<std::size_t>(i)] == number % 3);
    result.push_back(number);
  }
  return result;
}

}  // namespace

TEST_CASE("first takes the first samples") {
  const pare::dataset data = make_samples(5);
  CHECK(numbers(pare::first(data, 2)) == std::vector{0, 1});
  CHECK(numbers(pare::first(data, 0)).empty());
  CHECK(pare::first(data, 5).inputs == data.inputs);
  CHECK(pare::first(data, 2).classes == 3);
  CHECK(pare::first(data, 2).name == "numbers");
}

TEST_CASE("hold_out_last keeps the order") {
  const pare::dataset_split split = pare::hold_out_last(make_samples(5), 2);
  CHECK(numbers(split.train) == std::vector{0, 1, 2});
  CHECK(numbers(split.test) == std::vector{3, 4});
}

TEST_CASE("hold_out_random deals every sample once, alike for the same seed") {
  const pare::dataset data = make_samples(100);
  const pare::dataset_split split = pare::hold_out_random(data, 30, 7);
  std::vector<int> all = numbers(split.test);
  CHECK(all.size() == 30);
  CHECK(numbers(pare::hold_out_random(data, 30, 7).test) == all);
  CHECK(numbers(pare::hold_out_random(data, 30, 8).test) != all);
  const std::vector<int> train = numbers(split.train);
  all.insert(all.end(), train.begin(), train.end());
  std::sort(all.begin(), all.end());
  CHECK(all == numbers(data));
}

TEST_CASE("a data set refuses labels and inputs that cannot be") {
  const pare::dataset good = make_samples(4);
  pare::dataset bad = good;
  bad.labels[2] = 3;
  CHECK(error_message<pare::value_error>([&] { pare::validate(bad); }) == "numbers: label 2 is 3, must be 0 to 2");
  bad.labels[2] = -1;
  CHECK(error_message<pare::value_error>([&] { pare::validate(bad); }) == "numbers: label 2 is -1, must be 0 to 2");
  bad = good;
  bad.labels.pop_back();
  CHECK(error_message<pare::shape_error>([&] { pare::validate(bad); }) == "numbers: 4 samples but 3 labels");
  bad = good;
  bad.inputs(1, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK(error_message<pare::value_error>([&] { pare::validate(bad); }) ==
        "numbers: inputs[1, 3] is nan, must be finite");
}

TEST_CASE("features are selected in the order of their numbers, and all else stays") {
  pare::dataset data = make_samples(4);
  data.inputs.conservativeResize(3, 4);
  data.inputs.row(2).setConstant(7);
  const pare::dataset part = pare::select_features(data, std::vector<pare::index_t>{2, 0});
  CHECK(part.inputs == (Eigen::MatrixXf(2, 4) << 7, 7, 7, 7, 0, 1, 2, 3).finished());
  CHECK(part.labels == data.labels);
  CHECK(part.classes == 3);
  CHECK(part.name == "numbers");
  CHECK(error_message<pare::value_error>([&] { pare::select_features(data, std::vector<pare::index_t>{3}); }) ==
        "numbers: feature 3 wanted, must be 0 to 2");
}

TEST_CASE("targets stay with their samples") {
  pare::dataset data{Eigen::RowVectorXf::LinSpaced(20, 0, 19), {}, 0, "curve"};
  data.targets = Eigen::MatrixXf(2, 20);
  data.targets << 10 * data.inputs, -data.inputs;
  const pare::dataset_split random = pare::hold_out_random(data, 5, 3);
  CHECK(random.test.samples() == 5);
  for (const pare::dataset& part : {random.train, random.test, pare::first(data, 7)}) {
    pare::validate(part);
    CHECK(part.targets.row(0) == 10 * part.inputs);
    CHECK(part.targets.row(1) == -part.inputs);
  }
  CHECK(pare::first(data, 7).inputs == data.inputs.leftCols(7));
  CHECK(random.train.inputs.sum() + random.test.inputs.sum() == 190);
}

TEST_CASE("a data set refuses targets that cannot be, and labels beside them") {
  const pare::dataset good{Eigen::MatrixXf::Ones(2, 3), {}, 0, "curve", Eigen::MatrixXf::Ones(1, 3)};
  pare::validate(good);
  pare::validate(pare::dataset{});
  pare::dataset bad = good;
  bad.targets.resize(1, 2);
  CHECK(error_message<pare::shape_error>([&] { pare::validate(bad); }) == "curve: 3 samples but 2 targets");
  bad.targets.resize(0, 3);
  CHECK(error_message<pare::shape_error>([&] { pare::validate(bad); }) == "curve: targets have no outputs");
  bad = good;
  bad.labels = {0, 0, 0};
  CHECK(error_message<pare::shape_error>([&] { pare::validate(bad); }) == "curve: 3 labels, but 0 classes");
  bad.classes = 1;
  CHECK(error_message<pare::shape_error>([&] { pare::validate(bad); }) == "curve: has both labels and targets");
  bad = good;
  bad.targets(0, 1) = std::numeric_limits<float>::infinity();
  CHECK(error_message<pare::value_error>([&] { pare::validate(bad); }) ==
        "curve: targets[0, 1] is inf, must be finite");
}

TEST_CASE("a split refuses more samples than there are") {
  const pare::dataset data = make_samples(4);
  for (const pare::index_t count : {-1, 5}) {
    const std::string message = pare::detail::text("numbers: ", count, " samples wanted, must be 0 to 4");
    CHECK(error_message<pare::value_error>([&] { pare::first(data, count); }) == message);
    CHECK(error_message<pare::value_error>([&] { pare::hold_out_last(data, count); }) == message);
    CHECK(error_message<pare::value_error>([&] { pare::hold_out_random(data, count, 1); }) == message);
  }
  const std::vector<pare::index_t> outside = {0, 4};
  CHECK(error_message<pare::value_error>([&] { pare::select(data, outside); }) ==
        "numbers: sample 4 wanted, must be 0 to 3");
}

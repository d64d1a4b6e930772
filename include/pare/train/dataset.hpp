// Samples with what is to be learned of them: labels for a classifier, targets for a regression.
#pragma once

#include <concepts>
#include <numeric>
#include <string>
#include <vector>

#include <pare/tensor/eigen.hpp>
#include <pare/tensor/finite.hpp>
#include <pare/train/random.hpp>

namespace pare {

// Has either labels or, with no classes, targets.
struct dataset {
  Eigen::MatrixXf inputs;   // [features, samples]: a sample is a column
  std::vector<int> labels;  // one per sample, in [0, classes)
  int classes = 0;
  std::string name = "data";     // for messages
  Eigen::MatrixXf targets = {};  // [outputs, samples]

  index_t features() const { return inputs.rows(); }
  index_t samples() const { return inputs.cols(); }
};

struct dataset_split {
  dataset train;
  dataset test;
};

namespace detail {

template <std::same_as<dataset> Data>
void validate_labels(const Data& data) {
  const auto labels = static_cast<index_t>(data.labels.size());
  require<shape_error>(labels == data.samples(), data.name, ": ", data.samples(), " samples but ", labels, " labels");
  require<shape_error>(data.targets.size() == 0, data.name, ": has both labels and targets");
  for (std::size_t i = 0; i < data.labels.size(); ++i)
    require<value_error>(data.labels[i] >= 0 && data.labels[i] < data.classes, data.name, ": label ", i, " is ",
                         data.labels[i], ", must be 0 to ", data.classes - 1);
}

template <std::same_as<dataset> Data>
void validate_targets(const Data& data) {
  require<shape_error>(data.labels.empty(), data.name, ": ", data.labels.size(), " labels, but 0 classes");
  require<shape_error>(data.targets.cols() == data.samples(), data.name, ": ", data.samples(), " samples but ",
                       data.targets.cols(), " targets");
  require<shape_error>(data.targets.rows() > 0 || data.samples() == 0, data.name, ": targets have no outputs");
  if (!data.targets.allFinite()) require_finite(as_matrix(data.targets), data.name + ": targets");
}

// For what works on labels only. Throws value_error for a data set with targets.
template <std::same_as<dataset> Data>
void require_labels(const Data& data) {
  require<value_error>(data.classes > 0, data.name, ": has targets, labels are needed");
}

}  // namespace detail

// Throws shape_error unless there is one label or one column of targets per sample, and not both; value_error for a
// label outside [0, classes), an input or a target that is not finite.
template <std::same_as<dataset> Data>
void validate(const Data& data) {
  detail::require<value_error>(data.classes >= 0, data.name, ": ", data.classes, " classes, must not be negative");
  if (data.classes == 0)
    detail::validate_targets(data);
  else
    detail::validate_labels(data);
  if (!data.inputs.allFinite()) detail::require_finite(as_matrix(data.inputs), data.name + ": inputs");
}

namespace detail {

template <std::same_as<Eigen::MatrixXf> Matrix>
Matrix select_columns(const Matrix& from, std::span<const index_t> columns) {
  Matrix result(from.rows(), static_cast<index_t>(columns.size()));
  for (std::size_t i = 0; i < columns.size(); ++i) result.col(static_cast<index_t>(i)) = from.col(columns[i]);
  return result;
}

template <std::same_as<Eigen::MatrixXf> Matrix>
Matrix select_rows(const Matrix& from, std::span<const index_t> rows) {
  Matrix result(static_cast<index_t>(rows.size()), from.cols());
  for (index_t column = 0; column < from.cols(); ++column)
    for (std::size_t i = 0; i < rows.size(); ++i) result(static_cast<index_t>(i), column) = from(rows[i], column);
  return result;
}

}  // namespace detail

// The samples whose numbers are listed, in that order. Throws value_error for a number outside [0, samples).
template <std::same_as<dataset> Data>
dataset select(const Data& data, std::span<const index_t> samples) {
  for (const index_t sample : samples)
    detail::require<value_error>(sample >= 0 && sample < data.samples(), data.name, ": sample ", sample,
                                 " wanted, must be 0 to ", data.samples() - 1);
  dataset result{detail::select_columns(data.inputs, samples), {}, data.classes, data.name};
  if (data.classes == 0) {
    result.targets = detail::select_columns(data.targets, samples);
    return result;
  }
  result.labels.reserve(samples.size());
  for (const index_t sample : samples) result.labels.push_back(data.labels[static_cast<std::size_t>(sample)]);
  return result;
}

// The features whose numbers are listed, in that order, of all samples. Throws value_error for a number outside [0,
// features).
template <std::same_as<dataset> Data>
dataset select_features(const Data& data, std::span<const index_t> features) {
  for (const index_t feature : features)
    detail::require<value_error>(feature >= 0 && feature < data.features(), data.name, ": feature ", feature,
                                 " wanted, must be 0 to ", data.features() - 1);
  return {detail::select_rows(data.inputs, features), data.labels, data.classes, data.name, data.targets};
}

namespace detail {

template <std::same_as<dataset> Data>
std::vector<index_t> sample_numbers(const Data& data, index_t count) {
  validate(data);
  require<value_error>(count >= 0 && count <= data.samples(), data.name, ": ", count, " samples wanted, must be 0 to ",
                       data.samples());
  std::vector<index_t> numbers(static_cast<std::size_t>(data.samples()));
  std::iota(numbers.begin(), numbers.end(), index_t{0});
  return numbers;
}

template <std::same_as<dataset> Data>
dataset_split split_after(const Data& data, std::span<const index_t> numbers, index_t train) {
  const auto boundary = static_cast<std::size_t>(train);
  return {select(data, numbers.first(boundary)), select(data, numbers.subspan(boundary))};
}

}  // namespace detail

// The first `count` samples. Throws value_error for more than there are.
template <std::same_as<dataset> Data>
dataset first(const Data& data, index_t count) {
  const std::vector<index_t> numbers = detail::sample_numbers(data, count);
  return select(data, std::span(numbers).first(static_cast<std::size_t>(count)));
}

// Holds out the last `count` samples as `test`. Throws value_error for more than there are.
template <std::same_as<dataset> Data>
dataset_split hold_out_last(const Data& data, index_t count) {
  return detail::split_after(data, detail::sample_numbers(data, count), data.samples() - count);
}

// Holds out `count` samples picked at random, the same ones for the same seed. Throws value_error for more than there
// are.
template <std::same_as<dataset> Data>
dataset_split hold_out_random(const Data& data, index_t count, std::uint64_t seed) {
  std::vector<index_t> numbers = detail::sample_numbers(data, count);
  detail::random source(seed);
  detail::shuffle(std::span(numbers), source);
  return detail::split_after(data, numbers, data.samples() - count);
}

}  // namespace pare

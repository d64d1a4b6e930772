// Outputs for all samples of a data set, and how well a perceptron or a network does on it.
#pragma once

#include <limits>

#include <pare/nn/network.hpp>
#include <pare/train/loss.hpp>
#include <pare/train/mlp.hpp>

namespace pare {
namespace detail {

// The largest logit of each sample, the lowest one of equals; -1 where one is NaN.
template <std::same_as<Eigen::MatrixXf> Logits>
std::vector<int> classes_of(const Logits& logits) {
  std::vector<int> classes;
  for (index_t j = 0; j < logits.cols(); ++j) {
    index_t largest = 0;
    bool ordered = true;
    for (index_t i = 0; i < logits.rows(); ++i) {
      ordered = ordered && !is_nan(logits(i, j));
      if (logits(i, j) > logits(largest, j)) largest = i;
    }
    classes.push_back(ordered ? static_cast<int>(largest) : -1);
  }
  return classes;
}

}  // namespace detail

// The logits [outputs, samples] of all samples, in batches side by side. Errors as forward.
template <std::same_as<mlp> Model, std::same_as<Eigen::MatrixXf> Inputs>
Eigen::MatrixXf logits_of(const Model& model, const Inputs& inputs, executor* threads = nullptr) {
  constexpr index_t batch = 256;
  detail::validate_inputs(model, inputs.rows());
  Inputs logits(model.layers.back().outputs(), inputs.cols());
  serial_executor serial;
  executor& workers = threads != nullptr ? *threads : serial;
  const auto run = [&](int task) {
    const index_t begin = task * batch;
    const index_t count = std::min(batch, inputs.cols() - begin);
    logits.middleCols(begin, count) = detail::run_layers(model, inputs.middleCols(begin, count));
  };
  workers.for_each(static_cast<int>((inputs.cols() + batch - 1) / batch), run);
  return logits;
}

// The same of a network, whose bits depend neither on the batches nor on the threads.
template <std::same_as<network> Network, std::same_as<Eigen::MatrixXf> Inputs>
Eigen::MatrixXf logits_of(const Network& net, const Inputs& inputs, executor* threads = nullptr) {
  constexpr index_t batch = 256;
  detail::require<shape_error>(inputs.rows() == net.inputs(), "samples have ", inputs.rows(),
                               " features, the network takes ", net.inputs());
  Inputs logits(net.outputs(), inputs.cols());
  workspace room = net.workspace(batch);
  for (index_t begin = 0; begin < inputs.cols(); begin += batch) {
    const index_t count = std::min(batch, inputs.cols() - begin);
    net.run(inputs.middleCols(begin, count), logits.middleCols(begin, count), room, threads);
  }
  return logits;
}

// The class with the largest logit of each sample, the lowest one of equals, and -1 where a logit is NaN. Errors as
// logits_of.
template <class Model, std::same_as<Eigen::MatrixXf> Inputs>
std::vector<int> predict(const Model& model, const Inputs& inputs, executor* threads = nullptr) {
  return detail::classes_of(logits_of(model, inputs, threads));
}

// The share of the samples whose largest logit, the first of equals, is not that of their label, or of which one is
// NaN, in [0, 1]. Throws shape_error unless logits [classes, samples] have a sample for each label, value_error where
// there is none.
template <std::same_as<Eigen::MatrixXf> Logits>
double error_rate(const Logits& logits, const std::vector<int>& labels) {
  detail::require<value_error>(!labels.empty(), "there are no labels, at least 1 is needed");
  detail::require<shape_error>(logits.cols() == std::ssize(labels), "logits are of ", logits.cols(),
                               " samples, there are ", labels.size(), " labels");
  const std::vector<int> predicted = detail::classes_of(logits);
  index_t wrong = 0;
  for (std::size_t i = 0; i < predicted.size(); ++i) wrong += predicted[i] != labels[i];
  return static_cast<double>(wrong) / static_cast<double>(labels.size());
}

// The same of a perceptron's or a network's logits for a data set. Throws value_error for an empty data set or one
// without labels, else as validate(data) and logits_of.
template <class Model, std::same_as<dataset> Data>
double error_rate(const Model& model, const Data& data, executor* threads = nullptr) {
  validate(data);
  detail::require_labels(data);
  detail::require<value_error>(data.samples() > 0, data.name, ": no samples, at least 1 is needed");
  return error_rate(logits_of(model, data.inputs, threads), data.labels);
}

struct evaluation {
  double loss = 0;   // mean over the samples
  double error = 0;  // the share of wrong classes, in [0, 1]; NaN for a data set without labels
};

// Throws value_error for an empty data set, else as validate(data) and forward; shape_error where labels or targets do
// not fit the outputs.
template <std::same_as<mlp> Model>
evaluation evaluate(const Model& model, const loss& of, const dataset& data, executor* threads = nullptr) {
  validate(data);
  detail::require<value_error>(data.samples() > 0, data.name, ": no samples, at least 1 is needed");
  const auto logits = logits_of(model, data.inputs, threads);
  Eigen::MatrixXf gradient(logits.rows(), logits.cols());
  const auto mean_loss = [&](const auto& targets) {
    return loss_and_gradient(of, logits, targets, gradient, 1.0f / static_cast<float>(data.samples()));
  };
  if (data.classes == 0) return {mean_loss(data.targets), std::numeric_limits<double>::quiet_NaN()};
  Eigen::MatrixXf targets(logits.rows(), logits.cols());
  one_hot(data.labels, targets);
  return {mean_loss(targets), error_rate(logits, data.labels)};
}

}  // namespace pare

// What the outputs for a batch are compared with: its labels or targets, and what a teacher says.
#pragma once

#include <concepts>
#include <span>
#include <vector>

#include <pare/train/gradient.hpp>
#include <pare/train/training_state.hpp>

namespace pare::detail {

// Shards work side by side, each on columns of its own.
template <std::same_as<mlp> Model>
class batch_targets {
  using matrix = typename training_types<Model>::matrix;

 public:
  // For batches of at most `capacity` samples. The options must outlive it.
  batch_targets(const training_options& options, index_t outputs, index_t capacity)
      : options_(options), given_(options.distillation.logits), hard_(outputs, capacity) {
    const distillation& d = options.distillation;
    if (d.is_on()) {
      soften(given_, d.temperature);
      soft_.resize(outputs, capacity);
      scratch_.resize(outputs, capacity);
    }
    if (d.teacher != nullptr)
      for (int i = 0; i < options.shards; ++i) rooms_.push_back(d.teacher->workspace(capacity / options.shards + 1));
  }

  // Of the samples of a data set that are the columns `part` of the batch.
  template <std::same_as<dataset> Data>
  void gather(const Data& data, std::span<const index_t> samples, share part) {
    auto targets = columns(hard_, part);
    if (data.classes > 0) targets.setZero();
    for (index_t j = 0; j < part.size; ++j) {
      const index_t sample = samples[static_cast<std::size_t>(j)];
      if (data.classes > 0)
        targets(data.labels[static_cast<std::size_t>(sample)], j) = 1.0f;
      else
        targets.col(j) = data.targets.col(sample);
      if (given_.size() > 0) columns(soft_, part).col(j) = given_.col(sample);
    }
  }

  // `inputs` as the student sees them: dropped ones are zero.
  template <class Inputs>
  void ask_teacher(int shard, const Inputs& inputs, share part) {
    const distillation& d = options_.distillation;
    if (d.teacher == nullptr) return;
    auto targets = columns(soft_, part);
    d.teacher->run(inputs, targets, rooms_[static_cast<std::size_t>(shard)]);
    soften(targets, d.temperature);
  }

  // The loss of logits, each sample counting `weight`, and its gradient.
  template <class Logits, class Gradient>
  double loss(const Logits& logits, share part, float weight, Gradient& gradient) {
    const distillation& d = options_.distillation;
    const auto targets = columns(hard_, part);
    if (!d.is_on()) return loss_and_gradient(options_.loss, logits, targets, gradient, weight);
    const double hard = loss_and_gradient(options_.loss, logits, targets, gradient, (1.0f - d.weight) * weight);
    auto scratch = columns(scratch_, part);
    return hard + add_distillation(logits, columns(soft_, part), d.temperature, d.weight * weight, scratch, gradient);
  }

 private:
  const training_options& options_;
  matrix given_;  // softmax of the given logits at the temperature, [classes, samples], or empty
  matrix hard_, soft_, scratch_;
  std::vector<workspace> rooms_;  // of the teacher, for each shard
};

}  // namespace pare::detail

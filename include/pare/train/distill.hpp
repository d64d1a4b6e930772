// Distillation: learning from another network's outputs as well as from labels (Hinton, Vinyals and Dean 2015,
// arXiv 1503.02531).
#pragma once

#include <pare/nn/network.hpp>
#include <pare/train/evaluate.hpp>
#include <pare/train/loss.hpp>
#include <pare/train/schedule.hpp>

namespace pare {

// The loss is (1 - weight) loss + weight T^2 KL(softmax(teacher / T) || softmax(student / T)), T the temperature. Off
// without logits.
struct distillation {
  Eigen::MatrixXf logits = {};  // of the teacher, [classes, samples] of the training data
  float temperature = 4.0f;     // > 0
  float weight = 0.5f;          // in [0, 1]
};

// The outputs [outputs, samples] of a network for all samples of a data set, in batches. Throws shape_error for samples
// of another size than it takes.
template <std::same_as<network> Network>
Eigen::MatrixXf teacher_logits(const Network& teacher, const dataset& data, executor* threads = nullptr) {
  constexpr index_t batch = 256;
  detail::require<shape_error>(data.features() == teacher.inputs(), data.name, ": samples have ", data.features(),
                               " features, the teacher takes ", teacher.inputs());
  Eigen::MatrixXf logits(teacher.outputs(), data.samples());
  workspace room = teacher.workspace(batch);
  for (index_t begin = 0; begin < data.samples(); begin += batch) {
    const index_t count = std::min(batch, data.samples() - begin);
    teacher.run(data.inputs.middleCols(begin, count), logits.middleCols(begin, count), room, threads);
  }
  return logits;
}

template <std::same_as<mlp> Model>
Eigen::MatrixXf teacher_logits(const Model& teacher, const dataset& data, executor* threads = nullptr) {
  return logits_of(teacher, data.inputs, threads);
}

namespace detail {

inline void validate(const distillation& d) {
  require_positive("distillation temperature", static_cast<double>(d.temperature));
  require_part("distillation weight", static_cast<double>(d.weight));
}

// softmax(logits / temperature) of each column.
template <std::same_as<Eigen::MatrixXf> Logits>
Logits soft_targets(const Logits& logits, float temperature) {
  Logits targets(logits.rows(), logits.cols());
  for (index_t j = 0; j < logits.cols(); ++j) {
    targets.col(j) = ((logits.col(j).array() - logits.col(j).maxCoeff()) / temperature).exp();
    targets.col(j) /= targets.col(j).sum();
  }
  return targets;
}

// Returns `weight` T^2 times the sum of KL(targets || softmax(logits / T)) and adds its gradient; all are
// [classes, batch], and scratch is lost. KL is the cross-entropy less the targets' own.
template <class Logits, class Targets, class Gradient>
double add_distillation(const Logits& logits, const Targets& targets, float temperature, float weight, Logits& scratch,
                        Gradient& gradient) {
  const float scaled = weight * temperature * temperature;
  const auto t = targets.array();
  const double entropy = static_cast<double>((t * t.max(1e-30f).log()).sum());
  scratch = logits / temperature;
  const double cross = add_up(cross_entropy{}, scratch, targets, scratch, scaled);
  gradient += scratch / temperature;
  return cross + static_cast<double>(scaled) * entropy;
}

}  // namespace detail
}  // namespace pare

// Distillation: learning from another network's outputs as well as from labels (Hinton, Vinyals and Dean 2015,
// arXiv 1503.02531).
#pragma once

#include <pare/nn/network.hpp>
#include <pare/train/evaluate.hpp>
#include <pare/train/loss.hpp>
#include <pare/train/schedule.hpp>

namespace pare {

// The loss is (1 - weight) loss + weight T^2 KL(softmax(teacher / T) || softmax(student / T)), T the temperature. The
// teacher is there as its logits, or as a network that is run on every batch as the student sees it, with the same
// inputs dropped and of other images in each epoch, so that it teaches its function between the samples as well (Beyer
// et al. 2022, arXiv 2106.05237, section 3). Off without either. For cross_entropy only; a teacher gives logits, so it
// must not end in softmax.
struct distillation {
  Eigen::MatrixXf logits = {};       // of the teacher, [classes, samples] of the training data
  const network* teacher = nullptr;  // outlives the run
  float temperature = 4.0f;          // > 0
  float weight = 0.5f;               // in [0, 1]

  bool is_on() const { return logits.size() > 0 || teacher != nullptr; }
};

namespace detail {

// For a student that takes so many features and gives so many outputs, trained with a loss.
inline void validate(const distillation& d, const loss& of, index_t features, index_t outputs, index_t samples) {
  require<value_error>(!d.is_on() || std::holds_alternative<cross_entropy>(of),
                       "distillation compares distributions over classes, the loss must be cross_entropy");
  require_positive("distillation temperature", static_cast<double>(d.temperature));
  require_part("distillation weight", static_cast<double>(d.weight));
  require<value_error>(d.logits.size() == 0 || d.teacher == nullptr,
                       "distillation has logits and a teacher, must have at most one of them");
  require<shape_error>(d.logits.size() == 0 || (d.logits.rows() == outputs && d.logits.cols() == samples),
                       "distillation: the logits are [", d.logits.rows(), ", ", d.logits.cols(), "], must be [",
                       outputs, ", ", samples, "]");
  if (d.logits.size() > 0) require_finite(as_matrix(d.logits), "distillation: logits");
  if (d.teacher == nullptr) return;
  require<shape_error>(d.teacher->inputs() == features && d.teacher->outputs() == outputs,
                       "distillation: the teacher takes ", d.teacher->inputs(), " features and gives ",
                       d.teacher->outputs(), " outputs, the student ", features, " and ", outputs);
  const auto layers = d.teacher->layers();
  const auto* last = layers.empty() ? nullptr : std::get_if<activation_layer>(&layers.back());
  require<value_error>(last == nullptr || last->function != activation::softmax,
                       "distillation: the teacher ends in softmax, must give logits: leave that layer out");
}

// softmax(logits / temperature) of each column, in place.
template <class Logits>
void soften(Logits& logits, float temperature) {
  for (index_t j = 0; j < logits.cols(); ++j) {
    logits.col(j) = ((logits.col(j).array() - logits.col(j).maxCoeff()) / temperature).exp();
    logits.col(j) /= logits.col(j).sum();
  }
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

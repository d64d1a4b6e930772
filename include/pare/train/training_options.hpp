// What a training run is to do.
#pragma once

#include <functional>

#include <pare/tensor/executor.hpp>
#include <pare/train/constraint.hpp>
#include <pare/train/distill.hpp>
#include <pare/train/evaluate.hpp>
#include <pare/train/gradual_pruning.hpp>
#include <pare/train/regularization.hpp>
#include <pare/train/schedule.hpp>
#include <pare/train/variational.hpp>

namespace pare {

struct epoch_report {
  int epoch = 0;  // from 1
  int epochs = 0;
  double loss = 0;  // mean over the samples, each measured before its own step; without penalties on weights
  std::optional<evaluation> validation = {};  // of the model as it would be returned now, its inputs not rounded
  double learning_rate = 0;                   // of the last step
  double density = 1;                         // the share of weights that are not zero
  double seconds = 0;                         // of this epoch, validation included
};

// The mean of the parameters over the steps from an epoch on, older ones fading: a <- decay a + (1 - decay) w after
// each step (Polyak and Juditsky 1992, with exponential weights). The result of the run is a. Off at 0.
struct weight_averaging {
  int from_epoch = 0;    // from 1
  float decay = 0.998f;  // in [0, 1)
};

enum class validation_measure { average_loss, classification_error };

// Ends a run when validation has not become better for `patience` epochs, and gives the parameters of the best epoch
// as its result. Epochs in which a schedule still removes weights, or the divergence of variational dropout is not yet
// counted fully, do not compete. Off at 0.
struct early_stopping {
  int patience = 0;
  validation_measure measure = validation_measure::average_loss;
};

struct training_options {
  int epochs = 15;
  index_t batch_size = 128;
  pare::loss loss = cross_entropy{};
  double learning_rate = 1e-3;
  pare::optimizer optimizer = adam{};
  learning_rate_schedule schedule{};
  pare::regularization regularization{};
  gradient_clipping clipping{};
  weight_averaging averaging{};
  std::vector<weight_constraint> constraints{};  // one per layer, or none at all
  gradual_pruning pruning{};
  pare::distillation distillation{};
  std::optional<variational_dropout> variational{};
  const dataset* validation = nullptr;
  pare::early_stopping early_stopping{};
  std::uint64_t seed = 1;              // of the order of the samples, dropout and noise
  int shards = 4;                      // parts of a batch that may run side by side; their number decides the rounding
  pare::executor* executor = nullptr;  // null: everything on the calling thread
  std::function<void(const epoch_report&)> progress{};

  // If given: the data of each epoch, from 1, in place of the run's own: other images of the same labels or targets, in
  // the same order. They must stay as they are until the next call.
  std::function<const dataset&(int epoch)> data_of_epoch{};
};

namespace detail {

// Throws value_error for what a run of so many epochs would never come to.
template <std::same_as<training_options> Options>
void validate_lengths(const Options& options, index_t steps_per_epoch) {
  const gradual_pruning& pruning = options.pruning;
  require<value_error>(pruning.every > 0 || pruning.schedule.final == 0, "pruning to ", pruning.schedule.final,
                       " of zeros every 0 steps, must be every 1 or more");
  if (options.epochs == 0) return;
  require<value_error>(pruning.every == 0 || pruning.schedule.end <= options.epochs * steps_per_epoch,
                       "pruning ends at step ", pruning.schedule.end, ", the run has ",
                       options.epochs * steps_per_epoch);
  require<value_error>(options.schedule.warm_up <= options.epochs, "warm_up is ", options.schedule.warm_up,
                       " epochs, the run has ", options.epochs);
  require<value_error>(options.averaging.from_epoch <= options.epochs, "averaging from_epoch is ",
                       options.averaging.from_epoch, ", the run has ", options.epochs, " epochs");
}

// Throws value_error or shape_error for what no run with this model and data can do.
template <std::same_as<mlp> Model>
void validate(const training_options& options, const Model& model, const dataset& data) {
  require<value_error>(options.epochs >= 0, "training: epochs is ", options.epochs, ", must not be negative");
  require<value_error>(options.batch_size >= 1, "training: batch_size is ", options.batch_size, ", must be at least 1");
  require<value_error>(options.shards >= 1 && options.shards <= 1024, "training: shards is ", options.shards,
                       ", must be 1 to 1024");
  require_positive("training: learning_rate", options.learning_rate);
  pare::validate(options.loss);
  pare::validate(options.optimizer);
  pare::validate(options.schedule);
  pare::validate(options.regularization);
  pare::validate(options.clipping);
  require<value_error>(options.averaging.from_epoch >= 0, "averaging from_epoch is ", options.averaging.from_epoch,
                       ", must not be negative");
  require_decay("averaging decay", options.averaging.decay);
  validate(options.pruning);
  const bool by_curvature = options.pruning.every > 0 && options.pruning.score == weight_score::curvature;
  require<value_error>(!by_curvature || !std::holds_alternative<sgd>(options.optimizer),
                       "pruning by curvature needs an optimizer that keeps the mean square of gradients");
  const bool measured = options.pruning.score != weight_score::magnitude && !options.pruning.score_by;
  require<value_error>(!measured || !is_due(options.pruning, 0) || options.pruning.schedule.at(0).value == 0,
                       "pruning at step 0 by what steps measure, must begin at step 1 or later");
  require<value_error>(options.early_stopping.patience >= 0, "early_stopping patience is ",
                       options.early_stopping.patience, ", must not be negative");
  const bool needs_labels = options.early_stopping.measure == validation_measure::classification_error;
  require<value_error>(options.early_stopping.patience == 0 ||
                           (options.validation != nullptr && (!needs_labels || options.validation->classes > 0)),
                       "early_stopping needs validation data", needs_labels ? " with labels" : "");
  require<shape_error>(options.constraints.empty() || options.constraints.size() == model.layers.size(),
                       "training: ", options.constraints.size(), " constraints for ", model.layers.size(), " layers");
  for (std::size_t i = 0; i < options.constraints.size(); ++i)
    pare::validate(options.constraints[i], model.layers[i], i);
  if (options.variational) {
    pare::validate(*options.variational);
    require<value_error>(options.constraints.empty() && options.pruning.every == 0,
                         "variational dropout chooses its own mask, must be without constraints and pruning");
  }
  require<value_error>(
      options.distillation.logits.size() == 0 || !options.data_of_epoch,
      "distillation has the logits of one set of data, the data change with each epoch: give the teacher");
  validate(options.distillation, options.loss, data.features(), model.layers.back().outputs(), data.samples());
  validate_lengths(options, steps_per_epoch(data.samples(), options.batch_size));
}

// Throws unless the model can learn from the data by a loss.
template <std::same_as<mlp> Model>
void validate(const dataset& data, const Model& model, const loss& by) {
  pare::validate(data);
  const index_t outputs = model.layers.back().outputs();
  require<value_error>(data.samples() > 0, data.name, ": no samples, at least 1 is needed");
  require<shape_error>(data.features() == model.layers.front().inputs(), data.name, ": samples have ", data.features(),
                       " features, the first layer takes ", model.layers.front().inputs());
  require<shape_error>(data.classes <= outputs, data.name, ": ", data.classes, " classes, the last layer has ", outputs,
                       " outputs");
  require<shape_error>(data.classes > 0 || data.targets.rows() == outputs, data.name, ": targets have ",
                       data.targets.rows(), " outputs, the last layer has ", outputs);
  const bool shares = std::holds_alternative<binary_cross_entropy>(by);
  if (data.classes > 0 || !(shares || std::holds_alternative<cross_entropy>(by))) return;
  for (index_t sample = 0; sample < data.samples(); ++sample)
    for (index_t i = 0; i < outputs; ++i) {
      const float target = data.targets(i, sample);
      require<value_error>(target >= 0 && (!shares || target <= 1), data.name, ": target [", i, ", ", sample, "] is ",
                           target, shares ? ", must be 0 to 1" : ", must not be negative");
    }
}

}  // namespace detail
}  // namespace pare

// Mini-batch training of a multi-layer perceptron.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <pare/train/checkpoint.hpp>
#include <pare/train/training_engine.hpp>

namespace pare {

// A training run. The result depends on the model, the data, the options and the number of shards, not on the executor,
// and is the same for the same seed on one machine with one build. The data, and what the options point to, must
// outlive the run; the model is copied.
//   trainer run(model, data, options);
//   run.run();               // or epoch() by epoch(), with save(file) between
//   model = run.model();
template <std::same_as<mlp> Model = mlp>
class trainer {
  using state = typename detail::training_types<Model>::state;

 public:
  // Throws value_error or shape_error for bad options, masks, data or models.
  trainer(const Model& model, const dataset& data, training_options options = {});
  trainer(const trainer&) = delete;
  trainer& operator=(const trainer&) = delete;

  // Trains on every sample once more. Throws value_error when the run is finished, for data of an epoch that do not
  // fit, and when the loss stops being finite; the run is of no use then. With early stopping the last one ends by
  // going back to the best.
  epoch_report epoch();

  // The epochs that are left, each reported to options.progress. Errors as for epoch, and whatever progress throws.
  void run();

  // Whether all epochs are done, or validation has not become better for too long.
  bool finished() const {
    const int patience = options_.early_stopping.patience;
    return state_->epoch >= options_.epochs || (patience > 0 && state_->epochs_since_best >= patience);
  }

  int epochs_done() const { return state_->epoch; }

  // The perceptron as it is now: averaged where that has begun, under its constraints.
  Model model() const;

  // What the weights of model() are quantized to, one per layer; see to_network.
  std::vector<layer_quantization> quantization() const;

  // Writes everything that the run needs to go on, between two epochs. Throws io_error.
  void save(const std::string& file) const;

  // Goes on where a run of the same model, data and options was saved: what follows is the same to the last bit. Throws
  // io_error, and format_error for a file that is damaged or of a run with other sizes, activations, seed, batches,
  // shards, loss, optimizer, masks or quantizers; the run is as before then. Rates and the number of epochs may differ.
  void resume(const std::string& file);

 private:
  static training_options checked(const Model& model, const dataset& data, training_options options);
  const detail::parameters& result_values() const { return state_->average.empty() ? state_->values : state_->average; }
  const dataset& data_of(int epoch) const;
  void compare_with_best(const epoch_report& report);
  void restore_best();

  training_options options_;
  const dataset* data_;
  Model shape_;
  std::unique_ptr<state> state_;
  detail::training_engine<Model> engine_;
};

// Trains in place: constructs a run, runs it, and takes its result. The model is as it was if anything throws.
template <std::same_as<mlp> Model>
void train(Model& model, const dataset& data, const training_options& options = {}) {
  trainer<Model> run(model, data, options);
  run.run();
  model = run.model();
}

template <std::same_as<mlp> Model>
trainer<Model>::trainer(const Model& model, const dataset& data, training_options options)
    : options_(checked(model, data, std::move(options))),
      data_(&data),
      shape_(model),
      state_(std::make_unique<state>(detail::first_state(model, options_))),
      engine_(shape_, data.samples(), options_, *state_) {}

template <std::same_as<mlp> Model>
training_options trainer<Model>::checked(const Model& model, const dataset& data, training_options options) {
  validate(model);
  detail::validate(data, model, options.loss);
  detail::validate(options, model, data);
  if (options.validation != nullptr) detail::validate(*options.validation, model, options.loss);
  return options;
}

template <std::same_as<mlp> Model>
void trainer<Model>::run() {
  while (!finished()) {
    const epoch_report done = epoch();
    if (options_.progress) options_.progress(done);
  }
}

template <std::same_as<mlp> Model>
Model trainer<Model>::model() const {
  Model result = shape_;
  detail::write_result(result_values(), state_->masks, options_, result);
  return result;
}

template <std::same_as<mlp> Model>
std::vector<layer_quantization> trainer<Model>::quantization() const {
  std::vector<layer_quantization> result;
  for (std::size_t l = 0; l < shape_.layers.size(); ++l) {
    const weight_constraint& constraint = detail::constraint_of(options_, l);
    result.push_back({constraint.quantizer, result_values()[l].levels, constraint.inputs});
  }
  return result;
}

template <std::same_as<mlp> Model>
void trainer<Model>::save(const std::string& file) const {
  detail::save_checkpoint(*state_, detail::checksum_of_run(shape_, options_), file);
}

template <std::same_as<mlp> Model>
void trainer<Model>::resume(const std::string& file) {
  state saved = *state_;
  detail::load_checkpoint(saved, detail::checksum_of_run(shape_, options_),
                          steps_per_epoch(data_->samples(), options_.batch_size), file);
  *state_ = std::move(saved);
  engine_.refresh();
}

template <std::same_as<mlp> Model>
const dataset& trainer<Model>::data_of(int epoch) const {
  if (!options_.data_of_epoch) return *data_;
  const dataset& data = options_.data_of_epoch(epoch);
  detail::validate(data, shape_, options_.loss);
  detail::require<shape_error>(data.samples() == data_->samples(), data.name, ": ", data.samples(),
                               " samples in epoch ", epoch, ", must be ", data_->samples());
  return data;
}

template <std::same_as<mlp> Model>
epoch_report trainer<Model>::epoch() {
  detail::require<value_error>(!finished(), "training: the run has finished after ", state_->epoch, " epochs");
  const auto begin = std::chrono::steady_clock::now();
  epoch_report report{state_->epoch + 1, options_.epochs};
  report.loss = engine_.run_epoch(data_of(report.epoch), report.epoch);
  const auto require_sane = [&](std::string_view what, double value) {
    detail::require<value_error>(detail::is_finite(value), "training: the ", what, " is ", value, " in epoch ",
                                 report.epoch, ", a learning rate below ", options_.learning_rate, " may help");
  };
  require_sane("loss", report.loss);
  const Model now = model();
  for (const dense_layer& layer : now.layers)
    require_sane("sum of weights and biases", layer.weights.cast<double>().sum() + layer.bias.cast<double>().sum());
  state_->epoch = report.epoch;
  report.learning_rate = engine_.rate();
  if (options_.validation != nullptr) {
    report.validation = evaluate(now, options_.loss, *options_.validation, options_.executor);
    require_sane("loss of the validation data", report.validation->loss);
  }
  report.density = detail::density(now);
  if (const auto* shape = std::get_if<plateau_rate>(&options_.schedule.shape))
    state_->plateau.update(*shape, report.validation ? report.validation->loss : report.loss);
  if (options_.early_stopping.patience > 0) {
    compare_with_best(report);
    if (finished()) restore_best();
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return report;
}

template <std::same_as<mlp> Model>
void trainer<Model>::compare_with_best(const epoch_report& report) {
  if (options_.pruning.every > 0 && state_->steps < options_.pruning.schedule.end) return;
  if (options_.variational && report.epoch < options_.variational->ramp_end) return;
  const bool by_error = options_.early_stopping.measure == validation_measure::classification_error;
  const double measure = by_error ? report.validation->error : report.validation->loss;
  ++state_->epochs_since_best;
  if (!(measure < state_->best_measure)) return;
  state_->best_measure = measure;
  state_->epochs_since_best = 0;
  state_->best = result_values();
  state_->best_masks = state_->masks;
}

template <std::same_as<mlp> Model>
void trainer<Model>::restore_best() {
  if (state_->best.empty()) return;
  state_->values = state_->best;
  if (!state_->average.empty()) state_->average = state_->best;
  state_->masks = state_->best_masks;
  engine_.refresh();
}

}  // namespace pare

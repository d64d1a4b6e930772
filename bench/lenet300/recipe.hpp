// From images to a perceptron of a few thousand weights: a teacher, sparse variational dropout, pruning, few levels.
#pragma once

#include <array>
#include <functional>

#include <pare/train/augmentation_cache.hpp>
#include <pare/train/compact.hpp>
#include <pare/train/convert.hpp>
#include <pare/train/reorder.hpp>
#include <pare/train/trainer.hpp>

#include <fmt/format.h>

#include "output.hpp"

namespace bench {

// Nothing in it is about a data set: all was chosen on held-out training images.
struct recipe {
  std::array<pare::index_t, 2> hidden{300, 100};
  pare::index_t teacher_width = 600;  // of its two hidden layers
  int teacher_epochs = 30;
  float teacher_dropout = 0.3f;  // of its hidden neurons
  int variational_epochs = 100;
  int pruning_epochs = 100;
  int tuning_epochs = 40;
  double learning_rate = 1e-3;         // of the teacher, and for few levels
  double sparse_learning_rate = 3e-3;  // of variational dropout and pruning
  float input_dropout = 0.1f;          // a student learns what the teacher says of the pixels that are left
  float temperature = 2.0f;
  float teaching = 0.7f;               // share of the teacher in the loss
  std::array<int, 3> levels{5, 5, 7};  // of the weights of each layer, to either side of zero
  float bias_step = 1.0f / 32;
  bool with_teacher = true;
  bool variational = true;
  pare::weight_score score = pare::weight_score::curvature;  // by which weights are pruned
};

// One seed's run of it, which begins with the teacher.
class recipe_run {
 public:
  using images_of_epoch = std::function<const pare::dataset&(int)>;

  // All must outlive it. `augmented` gives the images of each epoch, or is empty.
  recipe_run(const recipe& steps, const pare::dataset_split& data, images_of_epoch augmented, std::uint64_t seed,
             pare::executor& threads)
      : steps_(steps), data_(data), augmented_(std::move(augmented)), seed_(seed), threads_(threads), teacher_(1) {
    if (steps_.with_teacher) teacher_ = train_teacher();
  }

  // What variational dropout leaves: a few percent of the weights, more where the divergence weighs less. Neurons that
  // lost theirs are taken out.
  pare::mlp make_sparse(double divergence) const {
    pare::mlp model = untrained(steps_.hidden[0], steps_.hidden[1], 0);
    pare::training_options chosen =
        student_options("variational", steps_.variational_epochs, steps_.sparse_learning_rate);
    chosen.schedule.shape = pare::linear_rate{};
    if (steps_.variational)
      chosen.variational = pare::variational_dropout{.weight = divergence,
                                                     .ramp_begin = 0.02 * steps_.variational_epochs,
                                                     .ramp_end = 0.22 * steps_.variational_epochs};
    pare::train(model, data_.train, chosen);
    return pare::compact(model).model;
  }

  // Of a sparse model, down to `kept` weights in most of the epochs, by what the loss would grow by without them. Takes
  // one `part_of_epochs`-th of the recipe's epochs.
  pare::mlp prune(pare::mlp model, pare::index_t kept, int part_of_epochs = 1) const {
    const int epochs = std::max(2, steps_.pruning_epochs / part_of_epochs);
    pare::index_t size = 0;
    for (const pare::dense_layer& layer : model.layers) size += layer.weights.size();
    const auto sparsity_of = [&](pare::index_t count) {
      return 1.0 - static_cast<double>(count) / static_cast<double>(size);
    };
    pare::training_options chosen = student_options("pruning", epochs, steps_.sparse_learning_rate);
    const pare::index_t epoch = pare::steps_per_epoch(data_.train.samples(), chosen.batch_size);
    const double now = sparsity_of(nonzero_weights(model));
    chosen.schedule.warm_up = 2;
    chosen.constraints = pare::keep(masks_of(model));
    chosen.pruning = {.every = 50,
                      .schedule = {.begin = epoch,
                                   .end = epoch * epochs * 4 / 5,
                                   .initial = now,
                                   .final = std::max(now, sparsity_of(kept))},
                      .score = steps_.score};
    pare::train(model, data_.train, chosen);
    return pare::compact(model).model;
  }

  // In few levels.
  pare::network quantize(const pare::mlp& pruned) const {
    pare::training_options chosen = student_options("levels", steps_.tuning_epochs, steps_.learning_rate);
    chosen.schedule.warm_up = 2;
    chosen.constraints = pare::keep(masks_of(pruned));
    for (std::size_t l = 0; l < pruned.layers.size(); ++l)
      chosen.constraints[l].quantizer = pare::learned_step{.levels = steps_.levels[l]};
    pare::trainer<> run(pruned, data_.train, chosen);
    run.run();
    pare::mlp model = pare::reorder_neurons(pare::compact(run.model()).model).model;
    for (pare::dense_layer& layer : model.layers)
      layer.bias = (layer.bias.array() / steps_.bias_step).round() * steps_.bias_step;
    return pare::to_network(model, run.quantization());
  }

 private:
  pare::training_options options(const std::string& step, int epochs, double learning_rate) const {
    pare::training_options chosen{.epochs = epochs, .batch_size = 256, .learning_rate = learning_rate};
    chosen.validation = &data_.test;
    chosen.seed = seed_;
    chosen.shards = 2;
    chosen.executor = &threads_;
    chosen.data_of_epoch = augmented_;
    chosen.progress = [step](const pare::epoch_report& done) {
      if (done.epoch % 10 != 0 && done.epoch != done.epochs) return;
      say(fmt::format("    {} {:3} of {}: loss {:.4f}, {:.2f} % wrong of those held out, {:.2f} % of weights, {:.1f} s",
                      step, done.epoch, done.epochs, done.loss, 100 * done.validation->error, 100 * done.density,
                      done.seconds));
    };
    return chosen;
  }

  // The same for a student: it learns what the teacher says of the pixels that it sees.
  pare::training_options student_options(const std::string& step, int epochs, double learning_rate) const {
    pare::training_options chosen = options(step, epochs, learning_rate);
    chosen.regularization.input_dropout = steps_.input_dropout;
    if (steps_.with_teacher)
      chosen.distillation = {.teacher = &teacher_, .temperature = steps_.temperature, .weight = steps_.teaching};
    return chosen;
  }

  pare::mlp untrained(pare::index_t first, pare::index_t second, std::uint64_t stream) const {
    return pare::make_mlp({data_.train.features(), first, second, data_.train.classes}, 2 * seed_ + stream);
  }

  // In 8 bits, which run faster than floats.
  pare::network train_teacher() const {
    pare::mlp model = untrained(steps_.teacher_width, steps_.teacher_width, 1);
    pare::training_options chosen = options("teacher", steps_.teacher_epochs, steps_.learning_rate);
    chosen.batch_size = 128;
    chosen.regularization.dropout = steps_.teacher_dropout;
    chosen.regularization.input_dropout = steps_.input_dropout;
    pare::train(model, data_.train, chosen);
    return pare::quantize(pare::to_network(model), {.bits = 8});
  }

  static std::vector<pare::mask> masks_of(const pare::mlp& model) {
    std::vector<pare::mask> masks;
    for (const pare::dense_layer& layer : model.layers)
      masks.push_back(pare::mask::where(layer.outputs(), layer.inputs(), [&](pare::index_t row, pare::index_t col) {
        return layer.weights(row, col) != 0.0f;
      }));
    return masks;
  }

  const recipe& steps_;
  const pare::dataset_split& data_;
  images_of_epoch augmented_;
  std::uint64_t seed_;
  pare::executor& threads_;
  pare::network teacher_;
};

}  // namespace bench

// Small training runs that tests share.
#pragma once

#include <pare/train/trainer.hpp>

#include "support.hpp"

// Compiled once, in training_runs.cpp.
extern template class pare::trainer<>;

inline bool same(const pare::mlp& a, const pare::mlp& b) {
  bool equal = a.layers.size() == b.layers.size();
  for (std::size_t i = 0; equal && i < a.layers.size(); ++i)
    equal = a.layers[i].weights == b.layers[i].weights && a.layers[i].bias == b.layers[i].bias;
  return equal;
}

// Three clouds of points, told apart by their largest coordinate.
inline pare::dataset make_clouds(pare::index_t samples, std::uint32_t seed = 5) {
  pare::dataset data{gaussian(3, samples, seed), {}, 3, "clouds"};
  for (pare::index_t i = 0; i < samples; ++i) {
    data.labels.push_back(static_cast<int>(i % 3));
    data.inputs(i % 3, i) += 2.0f;
  }
  return data;
}

inline pare::mlp small_mlp() { return pare::make_mlp({3, 20, 3}, 1); }

inline pare::mlp trained(const pare::training_options& options) {
  pare::mlp model = small_mlp();
  pare::train(model, make_clouds(100), options);
  return model;
}

// Most of what a run can do at once.
inline pare::training_options everything(const pare::dataset& validation) {
  pare::training_options options{
      .epochs = 6,
      .batch_size = 16,
      .loss = pare::cross_entropy{.label_smoothing = 0.1f},
      .learning_rate = 3e-3,
      .optimizer = pare::adamw{},
      .schedule = {.shape = pare::plateau_rate{.patience = 1}, .warm_up = 1},
      .regularization =
          {.l1 = 1e-4f, .l2 = 1e-4f, .group_lasso = 1e-4f, .max_norm = 3.0f, .dropout = 0.25f, .input_dropout = 0.125f},
      .clipping = {.value = 0.5f, .norm = 1.0f},
      .averaging = {.from_epoch = 3, .decay = 0.75f},
      .validation = &validation,
      .early_stopping = {.patience = 4}};
  options.constraints.resize(2);
  options.constraints[0].quantizer = pare::learned_step{.levels = 3, .per_row = true};
  options.constraints[1].quantizer = pare::learned_codebook{.levels = 5};
  options.constraints[1].inputs = pare::input_quantizer{};
  options.pruning = {.every = 3,
                     .schedule = {.begin = 5, .end = 25, .final = 0.5},
                     .score = pare::weight_score::input_energy,
                     .regrow = pare::regrowth::straight_through};
  options.distillation = {.logits = gaussian(3, 100, 8), .temperature = 2.0f, .weight = 0.25f};
  return options;
}

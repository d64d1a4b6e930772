// Mini-batch training of a multi-layer perceptron with softmax cross-entropy.
#pragma once

#include <chrono>
#include <functional>

#include <pare/kernels/executor.hpp>
#include <pare/prune/mask.hpp>
#include <pare/train/gradient.hpp>
#include <pare/train/loss.hpp>
#include <pare/train/optimizer.hpp>
#include <pare/train/schedule.hpp>

namespace pare {

struct epoch_report {
  int epoch = 0;  // from 1
  int epochs = 0;
  double loss = 0;           // mean over the samples, each measured before its own step; without weight decay
  double learning_rate = 0;  // of the last step
  double seconds = 0;        // of this epoch
};

struct training_options {
  int epochs = 15;
  index_t batch_size = 128;
  double learning_rate = 1e-3;
  pare::optimizer optimizer = adam{};
  learning_rate_schedule schedule = learning_rate_schedule::cosine;
  float weight_decay = 0.0f;           // L2: adds weight_decay w to the gradient of each weight; biases are left alone
  std::uint64_t seed = 1;              // of the order of the samples
  int shards = 4;                      // parts of a batch that may run side by side; their number decides the rounding
  pare::executor* executor = nullptr;  // null: everything on the calling thread
  std::span<const mask> masks{};       // one per layer, empty where all weights are kept; or none at all
  std::function<void(const epoch_report&)> progress{};
};

// Trains in place. Weights removed by a mask are zero from the first step on. The result depends on the data, the
// options and the number of shards, not on the executor, and is the same for the same seed on one machine with one
// build. After its first batch a run allocates only what Eigen's products take for packing.
// Throws value_error or shape_error for bad options, masks, data or models, and value_error when the loss stops being
// finite; the model is then as it was before, also when `progress` throws.
template <std::same_as<mlp> Model>
void train(Model& model, const dataset& data, const training_options& options = {});

namespace detail {

template <std::same_as<mlp> Model>
void validate(const training_options& options, const Model& model) {
  require<value_error>(options.epochs >= 0, "training: epochs is ", options.epochs, ", must not be negative");
  require<value_error>(options.batch_size >= 1, "training: batch_size is ", options.batch_size, ", must be at least 1");
  require<value_error>(options.shards >= 1 && options.shards <= 1024, "training: shards is ", options.shards,
                       ", must be 1 to 1024");
  require<value_error>(is_finite(options.learning_rate) && options.learning_rate > 0, "training: learning_rate is ",
                       options.learning_rate, ", must be positive and finite");
  require<value_error>(is_finite(options.weight_decay) && options.weight_decay >= 0, "training: weight_decay is ",
                       options.weight_decay, ", must be finite and not negative");
  pare::validate(options.optimizer);
  require<shape_error>(options.masks.empty() || options.masks.size() == model.layers.size(),
                       "training: ", options.masks.size(), " masks for ", model.layers.size(), " layers");
  for (std::size_t i = 0; i < options.masks.size(); ++i) {
    const mask& kept = options.masks[i];
    const dense_layer& layer = model.layers[i];
    require<shape_error>(kept.size() == 0 || (kept.rows() == layer.outputs() && kept.cols() == layer.inputs()),
                         "training: mask ", i, " is [", kept.rows(), ", ", kept.cols(), "], the layer is [",
                         layer.outputs(), ", ", layer.inputs(), "]");
  }
}

template <std::same_as<mlp> Model>
void validate(const dataset& data, const Model& model) {
  pare::validate(data);
  require_labels(data);
  require<value_error>(data.samples() > 0, data.name, ": no samples, at least 1 is needed");
  require<shape_error>(data.features() == model.layers.front().inputs(), data.name, ": samples have ", data.features(),
                       " features, the first layer takes ", model.layers.front().inputs());
  require<shape_error>(data.classes <= model.layers.back().outputs(), data.name, ": ", data.classes,
                       " classes, the last layer has ", model.layers.back().outputs(), " outputs");
}

// A part of a range.
struct share {
  index_t begin = 0;
  index_t size = 0;
};

// The i-th of `count` parts of [0, size), nearly equal, each beginning at a multiple of `grain`.
inline share share_of(index_t size, index_t i, index_t count, index_t grain = 1) {
  const auto boundary = [=](index_t k) { return k == count ? size : size * k / count / grain * grain; };
  return {boundary(i), boundary(i + 1) - boundary(i)};
}

// Shares of parameters begin at whole cache lines, so that vectorized loops round alike in every run.
inline share parameter_share(index_t size, index_t i, index_t count) { return share_of(size, i, count, 16); }

// What one task of a training run works with: its samples of a batch, and its share of every layer's parameters.
struct training_shard {
  template <std::same_as<mlp> Model>
  training_shard(const Model& model, const training_options& options, index_t number, index_t capacity)
      : pass(model, capacity), labels(static_cast<std::size_t>(capacity)) {
    for (const dense_layer& layer : model.layers) {
      weights.emplace_back(options.optimizer, parameter_share(layer.weights.size(), number, options.shards).size);
      biases.emplace_back(options.optimizer, parameter_share(layer.bias.size(), number, options.shards).size);
    }
  }

  backpropagation pass;
  std::vector<int> labels;
  std::vector<optimizer_memory> weights;  // per layer
  std::vector<optimizer_memory> biases;
  double loss = 0;
};

// One training run. A batch takes two rounds of tasks: each shard computes the gradients of its samples, then each
// takes its share of every layer's parameters, sums their gradients over the shards in order, and steps.
template <std::same_as<mlp> Model>
class training_run {
 public:
  training_run(Model& model, const dataset& data, const training_options& options)
      : model_(model), data_(data), options_(options), order_(static_cast<std::size_t>(data.samples())) {
    std::iota(order_.begin(), order_.end(), index_t{0});
    const index_t largest = std::min(options.batch_size, data.samples());
    for (int i = 0; i < options.shards; ++i) shards_.emplace_back(model, options, i, largest / options.shards + 1);
  }

  void run() {
    random source(options_.seed);
    apply_masks();
    for (int epoch = 1; epoch <= options_.epochs; ++epoch) {
      const auto begin = std::chrono::steady_clock::now();
      shuffle(std::span(order_), source);
      const double loss = run_epoch();
      require<value_error>(is_finite(loss), "training: the loss is ", loss, " in epoch ", epoch,
                           ", a learning rate below ", options_.learning_rate, " may help");
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
      if (options_.progress) options_.progress({epoch, options_.epochs, loss, rate_, seconds.count()});
    }
  }

 private:
  template <class Task>
  void for_each_shard(Task&& task) {
    serial_executor serial;
    pare::executor& threads = options_.executor ? *options_.executor : serial;
    threads.for_each(options_.shards, task);
  }

  double run_epoch() {
    double sum = 0;
    const index_t samples = data_.samples();
    for (index_t begin = 0; begin < samples; begin += options_.batch_size) {
      const auto batch = std::span<const index_t>(order_).subspan(
          static_cast<std::size_t>(begin), static_cast<std::size_t>(std::min(options_.batch_size, samples - begin)));
      sum += run_batch(batch) * static_cast<double>(batch.size());
    }
    return sum / static_cast<double>(samples);
  }

  // One step; returns the mean loss of the batch.
  double run_batch(std::span<const index_t> batch) {
    const index_t batches = (data_.samples() + options_.batch_size - 1) / options_.batch_size;
    const double progress = static_cast<double>(steps_++) / static_cast<double>(batches * options_.epochs);
    rate_ = scheduled_learning_rate(options_.schedule, options_.learning_rate, progress);
    for_each_shard([&](int i) { compute_gradients(i, batch); });
    for_each_shard([&](int i) { update_parameters(i); });
    apply_masks();
    double loss = 0;
    for (const training_shard& each : shards_) loss += each.loss;
    return loss;
  }

  void compute_gradients(int i, std::span<const index_t> batch) {
    training_shard& mine = shards_[static_cast<std::size_t>(i)];
    const share part = share_of(static_cast<index_t>(batch.size()), i, options_.shards);
    const auto samples = batch.subspan(static_cast<std::size_t>(part.begin), static_cast<std::size_t>(part.size));
    for (std::size_t j = 0; j < samples.size(); ++j) {
      mine.pass.inputs.col(static_cast<index_t>(j)) = data_.inputs.col(samples[j]);
      mine.labels[j] = data_.labels[static_cast<std::size_t>(samples[j])];
    }
    mine.pass.forward(model_, part.size);
    mine.loss = softmax_cross_entropy(mine.pass.logits(part.size), std::span(mine.labels).first(samples.size()),
                                      mine.pass.logit_gradient(part.size), 1.0f / static_cast<float>(batch.size()));
    mine.pass.backward(model_, part.size);
  }

  void update_parameters(int i) {
    training_shard& mine = shards_[static_cast<std::size_t>(i)];
    for (std::size_t l = 0; l < model_.layers.size(); ++l) {
      update(
          model_.layers[l].weights, mine.weights[l], i,
          options_.weight_decay, [l](training_shard & from) -> auto& { return from.pass.gradients[l].weights; });
      update(
          model_.layers[l].bias, mine.biases[l], i,
          0.0f, [l](training_shard & from) -> auto& { return from.pass.gradients[l].bias; });
    }
  }

  // Steps share `i` of one tensor. The sum is left in the gradient of the first shard.
  void update(auto& parameters, optimizer_memory& memory, int i, float decay, auto&& gradient_of) {
    const share part = parameter_share(parameters.size(), i, options_.shards);
    const auto slice = [&](auto& tensor) { return Eigen::Map<Eigen::ArrayXf>(tensor.data() + part.begin, part.size); };
    auto values = slice(parameters);
    auto sum = slice(gradient_of(shards_.front()));
    for (std::size_t s = 1; s < shards_.size(); ++s) sum += slice(gradient_of(shards_[s]));
    if (decay != 0.0f) sum += decay * values;
    step(options_.optimizer, memory, values, sum, rate_);
  }

  void apply_masks() {
    for (std::size_t l = 0; l < options_.masks.size(); ++l)
      if (options_.masks[l].size() != 0) options_.masks[l].apply(model_.layers[l].weights);
  }

  Model& model_;
  const dataset& data_;
  const training_options& options_;
  std::vector<index_t> order_;
  std::vector<training_shard> shards_;
  index_t steps_ = 0;
  double rate_ = 0;
};

}  // namespace detail

template <std::same_as<mlp> Model>
void train(Model& model, const dataset& data, const training_options& options) {
  validate(model);
  detail::validate(data, model);
  detail::validate(options, model);
  detail::training_run<Model> run(model, data, options);
  mlp before = model;
  try {
    run.run();
  } catch (...) {
    model = std::move(before);
    throw;
  }
}

}  // namespace pare

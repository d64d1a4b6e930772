// The batches of a training run: gradients, steps, constraints, masks.
#pragma once

#include <numeric>

#include <pare/train/batch_targets.hpp>

namespace pare::detail {

// A batch takes three rounds of tasks, each with a task per shard. First each takes its share of the samples forward
// and backward; then its share of the rows of every layer, for their gradients over the whole batch; then, once the
// norm of all gradients is known, it steps its rows. So nothing depends on which thread does what, and after the first
// batch nothing is allocated but by new masks.
template <std::same_as<mlp> Model>
class training_engine {
  using state = typename training_types<Model>::state;
  using weights = typename training_types<Model>::weights;

 public:
  // All must outlive the engine; the model gives the shape only.
  training_engine(const Model& model, index_t samples, const training_options& options, state& from)
      : shape_(model),
        options_(options),
        state_(from),
        samples_(samples),
        order_(static_cast<std::size_t>(samples)),
        shards_(static_cast<std::size_t>(options.shards)),
        gradients_(zeros_like(from.values)),
        targets_(options, model.layers.back().outputs(), std::min(options.batch_size, samples)) {
    const index_t capacity = std::min(options.batch_size, samples);
    for (std::size_t l = 0; l < model.layers.size(); ++l) add_layer(model.layers[l], l, capacity);
    refresh();
  }

  // Makes everything that follows from the state anew.
  void refresh() {
    layers_.clear();
    for (std::size_t l = 0; l < pass_.layers.size(); ++l) {
      const auto& shadow = state_.values[l];
      const bool same = effective_[l].size() == 0;
      layers_.push_back({same ? &shadow.weights : &effective_[l], options_.variational ? &variance_[l] : nullptr,
                         &shadow.bias, shape_.layers[l].function});
      write_effective(l, {0, shadow.weights.rows()});
    }
  }

  // Trains on all samples in the order of this epoch, from 1. Returns their mean loss.
  double run_epoch(const dataset& data, int epoch) {
    std::iota(order_.begin(), order_.end(), index_t{0});
    random source(options_.seed, static_cast<std::uint64_t>(epoch));
    shuffle(std::span(order_), source);
    if (state_.steps == 0 && is_due(options_.pruning, 0)) update_masks();
    if (options_.averaging.from_epoch > 0 && epoch >= options_.averaging.from_epoch && state_.average.empty())
      state_.average = state_.values;
    double sum = 0;
    for (index_t begin = 0; begin < samples_; begin += options_.batch_size) {
      const index_t size = std::min(options_.batch_size, samples_ - begin);
      sum += static_cast<double>(size) * run_batch(data, {order_.data() + begin, static_cast<std::size_t>(size)});
    }
    return sum / static_cast<double>(samples_);
  }

  double rate() const { return rate_; }

 private:
  // What a task works with.
  struct shard {
    packing_buffers buffers;
    std::vector<Eigen::VectorXf> level_gradients;  // per layer
    double loss = 0;
    double squared_norm = 0;
  };

  void add_layer(const dense_layer& layer, std::size_t l, index_t capacity) {
    const weight_constraint& constraint = constraint_of(options_, l);
    const regularization& r = options_.regularization;
    const input_change change{l == 0 ? r.input_dropout : r.dropout, constraint.inputs};
    pass_.layers.emplace_back(layer, l == 0, change, options_.variational.has_value(), capacity);
    const bool removed_are_trained = is_straight_through(options_) && state_.masks[l].size() > 0;
    const bool copied = removed_are_trained || constraint.quantizer.index() != 0;
    effective_.emplace_back(copied ? layer.outputs() : 0, copied ? layer.inputs() : 0);
    variance_.emplace_back(state_.values[l].log_variance.rows(), state_.values[l].log_variance.cols());
    for (shard& each : shards_) each.level_gradients.push_back(state_.values[l].levels);
  }

  template <class Task>
  void for_each_shard(Task&& task) {
    serial_executor serial;
    executor& threads = options_.executor != nullptr ? *options_.executor : serial;
    threads.for_each(options_.shards, task);
  }
  shard& shard_of(int i) { return shards_[static_cast<std::size_t>(i)]; }
  share rows_of(int i, std::size_t l) const { return share_of(state_.values[l].bias.size(), i, options_.shards); }

  // The part of epochs that is done, the current one counted in parts.
  double epochs_done() const {
    return static_cast<double>(state_.steps) / static_cast<double>(steps_per_epoch(samples_, options_.batch_size));
  }

  // One step; returns the mean loss of the batch.
  double run_batch(const dataset& data, std::span<const index_t> batch) {
    const double done = epochs_done();
    rate_ = options_.learning_rate * rate_factor(options_.schedule, done, options_.epochs) * state_.plateau.factor;
    divergence_weight_ =
        options_.variational
            ? static_cast<float>(divergence_weight(*options_.variational, done) / static_cast<double>(samples_))
            : 0.0f;
    const share all{0, static_cast<index_t>(batch.size())};
    const bool regrows = options_.pruning.regrow == regrowth::gradient && is_due(options_.pruning, state_.steps + 1);
    for_each_shard([&](int i) { pass_samples(i, data, batch); });
    for_each_shard([&](int i) { compute_gradients(i, all, regrows); });
    ++state_.steps;
    if (!regrows) {
      const float factor = total_clipping();
      step_levels();
      for_each_shard([&](int i) { step_rows(i, factor); });
    }
    if (is_due(options_.pruning, state_.steps)) update_masks();
    double loss = 0;
    for (const shard& each : shards_) loss += each.loss;
    return loss;
  }

  void pass_samples(int i, const dataset& data, std::span<const index_t> batch) {
    shard& mine = shard_of(i);
    const share part = share_of(static_cast<index_t>(batch.size()), i, options_.shards);
    const auto samples = batch.subspan(static_cast<std::size_t>(part.begin), static_cast<std::size_t>(part.size));
    auto inputs = pass_.inputs(0, part);
    for (index_t j = 0; j < part.size; ++j) inputs.col(j) = data.inputs.col(samples[static_cast<std::size_t>(j)]);
    targets_.gather(data, samples, part);
    const auto stream = static_cast<std::uint64_t>(state_.steps * options_.shards + i);
    pass_.forward(layers_, part, random(~options_.seed, stream), mine.buffers);
    targets_.ask_teacher(i, inputs, part);
    auto gradient = pass_.logit_delta(part);
    mine.loss = targets_.loss(pass_.logits(part), part, 1.0f / static_cast<float>(batch.size()), gradient);
    pass_.backward(layers_, part, mine.buffers);
  }

  // The gradients of rows by shadow parameters; dense ones, of removed weights too, if asked for.
  void compute_gradients(int i, share samples, bool dense) {
    shard& mine = shard_of(i);
    mine.squared_norm = 0;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const share rows = rows_of(i, l);
      auto& gradient = gradients_[l];
      pass_.weight_gradient(l, rows, samples, mine.buffers, gradient);
      if (options_.variational) variational_gradient(l, rows, samples, mine.buffers);
      const bool all = dense || is_straight_through(options_);
      pull_back(constraint_of(options_, l).quantizer, state_.masks[l], all, state_.values[l], rows.begin, rows.size,
                gradient.weights, effective_[l], mine.level_gradients[l]);
      for_each_rows(
          rows, [&](auto&& g) { mine.squared_norm += clipped_norm(g); }, gradient);
      if (!state_.energy.empty()) update_energy(l, i, samples);
    }
  }

  template <class Rows>
  double clipped_norm(Rows&& gradient) const {
    const float limit = options_.clipping.value;
    if (limit > 0) gradient = gradient.max(-limit).min(limit);
    return options_.clipping.norm > 0 ? static_cast<double>(gradient.matrix().squaredNorm()) : 0.0;
  }

  // By log sigma^2: sigma^2 times that by sigma^2, and the divergence.
  void variational_gradient(std::size_t l, share rows, share samples, packing_buffers& buffers) {
    auto& gradient = gradients_[l];
    pass_.variance_gradient(l, rows, samples, buffers, gradient);
    slice(gradient.log_variance, rows) *= slice(variance_[l], rows);
    add_divergence_gradient(slice(state_.values[l].weights, rows), slice(state_.values[l].log_variance, rows),
                            divergence_weight_, slice(gradient.weights, rows), slice(gradient.log_variance, rows));
  }

  void update_energy(std::size_t l, int i, share samples) {
    const auto x = pass_.inputs(l, samples);
    const share part = share_of(x.rows(), i, options_.shards);
    const float news = state_.steps == 0 ? 1.0f : 0.01f;
    auto energy = state_.energy[l].segment(part.begin, part.size);
    energy *= 1.0f - news;
    energy += (news / static_cast<float>(x.cols())) * x.middleRows(part.begin, part.size).rowwise().squaredNorm();
  }

  float total_clipping() const {
    double squared_norm = 0;
    for (const shard& each : shards_) squared_norm += each.squared_norm;
    return clipping_factor(options_.clipping, squared_norm);
  }

  void step_levels() {
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      auto& levels = state_.values[l].levels;
      if (levels.size() == 0) continue;
      auto& gradient = gradients_[l].levels;
      gradient.setZero();
      for (const shard& each : shards_) gradient += each.level_gradients[l];
      step(options_.optimizer, state_.steps, state_.first[l].levels.array(), state_.second[l].levels.array(),
           levels.array(), gradient.array(), rate_);
      if (std::holds_alternative<learned_step>(constraint_of(options_, l).quantizer))
        levels = levels.cwiseMax(least_step);
      if (!state_.average.empty()) average_into(state_.average[l].levels.array(), levels.array());
    }
  }

  void step_rows(int i, float factor) {
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const share rows = rows_of(i, l);
      auto& values = state_.values[l];
      auto w = slice(values.weights, rows);
      auto gradient = slice(gradients_[l].weights, rows);
      const float l2 = options_.regularization.l2, decay = weight_decay(options_.optimizer);
      if (factor != 1.0f)
        for_each_rows(
            rows, [&](auto&& g) { g *= factor; }, gradients_[l]);
      if (l2 > 0) gradient += l2 * w;
      if (decay > 0) w *= 1.0f - static_cast<float>(rate_) * decay;
      for_each_rows(
          rows,
          [&](auto&& x, auto&& g, auto&& first, auto&& second) {
            step(options_.optimizer, state_.steps, first, second, x, g, rate_);
          },
          values, gradients_[l], state_.first[l], state_.second[l]);
      regularize(options_.regularization, values.weights.middleRows(rows.begin, rows.size), rate_);
      if (!state_.average.empty())
        for_each_rows(
            rows, [&](auto&& a, auto&& x) { average_into(a, x); }, state_.average[l], values);
      write_effective(l, rows);
    }
  }

  template <class Average, class Values>
  void average_into(Average&& average, const Values& values) const {
    average += (1.0f - options_.averaging.decay) * (values - average);
  }

  void write_effective(std::size_t l, share rows) {
    if (effective_[l].size() > 0)
      apply(constraint_of(options_, l).quantizer, state_.masks[l], state_.values[l], rows.begin, rows.size,
            effective_[l]);
    if (options_.variational) slice(variance_[l], rows) = slice(state_.values[l].log_variance, rows).exp();
  }

  void update_masks() {
    const std::vector<mask> next =
        next_masks(options_.pruning, state_.steps,
                   pruning_evidence{state_.values, gradients_, state_.second, state_.energy}, state_.masks);
    const float square = steady_square(options_.optimizer, state_.steps);
    for (std::size_t l = 0; l < next.size(); ++l) {
      // What comes back begins as if its gradients had always been those of this step, and no direction were known.
      for_each_difference(next[l], state_.masks[l], [&](index_t row, index_t col) {
        const float gradient = gradients_[l].weights(row, col);
        state_.first[l].weights(row, col) = 0;
        state_.second[l].weights(row, col) = square * gradient * gradient;
      });
      if (is_straight_through(options_)) continue;
      for (auto* each : {&state_.first[l], &state_.second[l], &state_.values[l]}) next[l].apply(each->weights);
    }
    state_.masks = next;
    refresh();
  }

  static Eigen::Map<Eigen::ArrayXf> slice(weights& tensor, share rows) {
    return {tensor.data() + rows.begin * tensor.cols(), rows.size * tensor.cols()};
  }
  static Eigen::Map<Eigen::ArrayXf> slice(Eigen::VectorXf& vector, share rows) {
    return {vector.data() + rows.begin, rows.size};
  }

  // Calls visit(slice...) for rows of the weights, the variances, if there are any, and the biases of layers.
  template <class Visit, class... Layers>
  static void for_each_rows(share rows, Visit&& visit, Layers&... layers) {
    visit(slice(layers.weights, rows)...);
    if (((layers.log_variance.size() > 0) && ...)) visit(slice(layers.log_variance, rows)...);
    visit(slice(layers.bias, rows)...);
  }

  const Model& shape_;
  const training_options& options_;
  state& state_;
  index_t samples_;
  std::vector<index_t> order_;
  std::vector<shard> shards_;
  decltype(state::values) gradients_;
  backpropagation<typename decltype(Model::layers)::value_type> pass_;
  std::vector<effective_layer> layers_;
  std::vector<weights> effective_;  // empty where shadow weights are effective
  std::vector<weights> variance_;   // sigma^2
  batch_targets<Model> targets_;
  float divergence_weight_ = 0;  // per weight and sample
  double rate_ = 0;
};

}  // namespace pare::detail

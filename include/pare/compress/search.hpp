// compression_search: tries many ways to compress a network, to choose from for one goal after another.
#pragma once

#include <map>

#include <pare/compress/candidates.hpp>
#include <pare/compress/in_sequence.hpp>
#include <pare/compress/measure_latency.hpp>
#include <pare/compress/narrow_network.hpp>
#include <pare/compress/pack_smallest.hpp>

namespace pare {

// The caller's progress function said no.
class cancelled : public error {
 public:
  using error::error;
};

struct compress_progress {
  std::string step;
  std::size_t done = 0, all = 0;
};

struct compress_options {
  std::vector<layer_setting> settings = common_settings();
  // Shares of the variance of the next layer's outputs that removed neurons may cost: 0 removes dead ones.
  std::vector<double> neuron_losses = {0, 0.003, 0.01, 0.02, 0.04, 0.08};
  executor* threads = nullptr;                                  // null is the calling thread alone
  std::function<bool(const compress_progress&)> progress = {};  // called now and then; false stops with `cancelled`
};

// What is tried depends on the network, the inputs and the options alone, not on a goal: so a larger budget never gives
// worse answers. Three quarters of the inputs calibrate, every fourth one tells how near the answers are to those of
// the network as it was; of fewer than 8 all do both.
class compression_search {
 public:
  // Inputs [inputs, samples], and a label for each or none at all. Throws value_error for a network without linear
  // layers, no samples, inputs that are not finite (naming the first) and labels that are no output, shape_error where
  // extents do not fit, and `cancelled`.
  template <std::same_as<network> Network>
  compression_search(const Network& net, const Eigen::MatrixXf& inputs, const std::vector<int>& labels = {},
                     compress_options options = {})
      : original_(net),
        options_(std::move(options)),
        seen_(inputs(Eigen::all, numbers(inputs.cols(), false))),
        all_(net, inputs, labels, options_.threads),
        check_(check_of(net, inputs, labels, options_.threads)) {
    for (const layer_setting& setting : options_.settings) require_valid(setting);
    detail::require<value_error>(!options_.settings.empty() && !options_.neuron_losses.empty(),
                                 "there are no settings, or no losses of neurons, to try");
    for (const double neuron_loss : options_.neuron_losses) detail::require_loss_of_variance(neuron_loss);
    detail::require<value_error>(linear_layers(net) > 0, "the network has no linear layers to compress");
    for (const double neuron_loss : options_.neuron_losses) try_layers_apart(neuron_loss);
    try_in_sequence();
  }

  const network& original() const noexcept { return original_; }

  // Of the inputs held out, and of all of them.
  const output_check& check() const noexcept { return check_; }
  const output_check& check_of_all() const noexcept { return all_; }
  const Eigen::MatrixXf& calibration_inputs() const noexcept { return seen_; }
  executor* threads() const noexcept { return options_.threads; }

  // What a candidate was made of: the network as it was, or with fewer neurons.
  const network& source_of(const candidate& c) const {
    return c.neuron_loss ? narrowed_.at(*c.neuron_loss) : original_;
  }

  // How many points (percent of the inputs) more a candidate gets wrong than the network as it was, of the inputs held
  // out or of all of them, whichever is worse.
  double points_lost(const candidate& c) const {
    return 100 * std::max(c.answers.wrong - check_.original().wrong, c.wrong_of_all - all_.original().wrong);
  }

  // Everything that was tried.
  const std::vector<candidate>& tried() const noexcept { return tried_; }

  // The one for a goal. Throws value_error where none reaches it, saying what the nearest one has.
  const candidate& best(const budget& wanted) const {
    const std::vector<const candidate*> all = front(wanted.of);
    const candidate* found = nullptr;
    for (const candidate* c : all)
      if (c->bytes(wanted.of) <= wanted.bytes) found = c;
    detail::require<value_error>(found != nullptr, "the budget is ", wanted.bytes,
                                 " bytes, the smallest network found takes ", all.front()->bytes(wanted.of));
    return *found;
  }
  const candidate& best(const accuracy_loss& wanted) const {
    detail::require<value_error>(original_.outputs() > 1,
                                 "the network has 1 output, an accuracy needs one for each class");
    const candidate *found = nullptr, *least = &tried_.front();
    for (const candidate& c : tried_) {
      if (points_lost(c) < points_lost(*least)) least = &c;
      if (points_lost(c) <= wanted.points && (found == nullptr || c.file_bytes < found->file_bytes)) found = &c;
    }
    detail::require<value_error>(found != nullptr, "points is ", wanted.points, ", the best network found loses ",
                                 points_lost(*least));
    return *found;
  }
  const candidate& best(const latency& wanted) const {
    std::vector<const candidate*> all = pointers();
    std::stable_sort(all.begin(), all.end(),
                     [](const candidate* a, const candidate* b) { return a->answers.error < b->answers.error; });
    double least = std::numeric_limits<double>::infinity();
    for (const candidate* c : all) {
      const double microseconds = measure_latency(c->network, wanted.batch);
      if (microseconds <= wanted.microseconds) return *c;
      least = std::min(least, microseconds);
    }
    detail::fail<value_error>({"microseconds is ", wanted.microseconds, ", the fastest network found takes ", least});
  }

  // Made for the recipe, in sequence and with all neurons. Throws shape_error for another number of settings than one
  // or that of the linear layers, and what require_valid throws.
  candidate best(const recipe& wanted) const {
    candidate made{{}, wanted.settings, true};
    if (made.settings.size() == 1) made.settings.assign(linear_layers(original_), wanted.settings.front());
    made.network = compress_in_sequence(original_, made.settings, seen_, options_.threads);
    measure_bytes(made);
    measure_answers(made);
    return made;
  }

  // From the fewest bytes on, what was tried and is better than what comes before it: outputs that are nearer, and no
  // more inputs wrong, or as few as the network as it was.
  std::vector<const candidate*> front(bytes_of of) const {
    std::vector<const candidate*> all = pointers(), result;
    std::stable_sort(all.begin(), all.end(), [&](const candidate* a, const candidate* b) {
      return std::pair(a->bytes(of), a->answers.error) < std::pair(b->bytes(of), b->answers.error);
    });
    for (const candidate* c : all)
      if (result.empty() || (c->answers.error < result.back()->answers.error &&
                             c->wrong_of_all <= std::max(result.back()->wrong_of_all, all_.original().wrong)))
        result.push_back(c);
    return result;
  }

 private:
  // Of the inputs that calibrate, or of those that tell how good the answers are.
  static std::vector<index_t> numbers(index_t samples, bool checking) {
    constexpr index_t fewest = 8, every = 4;
    std::vector<index_t> some;
    for (index_t i = 0; i < samples; ++i)
      if (samples < fewest || (i % every == every - 1) == checking) some.push_back(i);
    return some;
  }

  static output_check check_of(const network& net, const Eigen::MatrixXf& inputs, const std::vector<int>& labels,
                               executor* threads) {
    const std::vector<index_t> some = numbers(inputs.cols(), true);
    std::vector<int> of_some;
    for (const index_t i : some)
      if (!labels.empty()) of_some.push_back(labels[static_cast<std::size_t>(i)]);
    return output_check(net, inputs(Eigen::all, some), of_some, threads);
  }

  void report(const std::string& step, std::size_t done, std::size_t all) const {
    if (options_.progress && !options_.progress({step, done, all}))
      throw cancelled("compression was cancelled while " + step);
  }

  static bool same_widths(const network& a, const network& b) {
    for (std::size_t i = 0; i <= a.layers().size(); ++i)
      if (a.width(i) != b.width(i)) return false;
    return true;
  }

  // With one setting for all layers, each in turn, and along the path from the fewest bytes to the least error.
  void try_layers_apart(double neuron_loss) {
    const std::string what = detail::text("compressing layers with ", 100 * neuron_loss, " % loss by neurons");
    report(what, 0, 1);
    network narrow = narrow_network(original_, neuron_loss, seen_, options_.threads);
    for (const auto& [loss_of_other, other] : narrowed_)
      if (same_widths(narrow, other)) return;
    network_compressor source(narrow, seen_, options_.threads);
    narrowed_.emplace(neuron_loss, std::move(narrow));
    const auto rows = sensitivity(source, check_, options_.settings,
                                  [&](std::size_t done, std::size_t all) { report(what, done, all); });
    std::vector<candidate> some;
    for (const layer_setting& setting : options_.settings)
      some.push_back({neuron_loss, std::vector<layer_setting>(source.size(), setting)});
    for (auto& settings : detail::settings_path(rows, source.size()))
      some.push_back({neuron_loss, std::move(settings)});
    for (candidate& c : some) c.network = source.assemble(c.settings);
    add(std::move(some), detail::text("measuring networks with ", 100 * neuron_loss, " % loss by neurons"));
  }

  // The best of those once more, layer after layer.
  void try_in_sequence() {
    std::vector<candidate> some;
    for (const candidate* c : front(bytes_of::file)) some.push_back({c->neuron_loss, c->settings, true});
    for (std::size_t i = 0; i < some.size(); ++i) {
      report("compressing layers in sequence", i, some.size());
      some[i].network = compress_in_sequence(source_of(some[i]), some[i].settings, seen_, options_.threads);
    }
    add(std::move(some), "measuring networks compressed in sequence");
  }

  void add(std::vector<candidate> some, const std::string& what) {
    serial_executor serial;
    executor& threads = options_.threads != nullptr ? *options_.threads : serial;
    constexpr std::size_t at_once = 16;
    for (std::size_t first = 0; first < some.size(); first += at_once) {
      report(what, first, some.size());
      const auto code = [&](int i) { measure_bytes(some[first + static_cast<std::size_t>(i)]); };
      threads.for_each(static_cast<int>(std::min(at_once, some.size() - first)), code);
    }
    for (candidate& c : some) {
      measure_answers(c);
      if (detail::is_finite(c.answers.error)) tried_.push_back(std::move(c));
    }
  }

  static void measure_bytes(candidate& c) {
    c.file_bytes = coded_size(c.network, coding::small);
    c.memory_bytes = pack_smallest(c.network).bytes();
  }
  void measure_answers(candidate& c) const {
    c.answers = check_.measure(c.network);
    c.wrong_of_all = all_.measure(c.network).wrong;
  }

  std::vector<const candidate*> pointers() const {
    std::vector<const candidate*> all;
    for (const candidate& c : tried_) all.push_back(&c);
    return all;
  }

  network original_;
  compress_options options_;
  Eigen::MatrixXf seen_;  // inputs that calibrate
  output_check all_, check_;
  std::map<double, network> narrowed_;  // by the loss of neurons, of other widths each
  std::vector<candidate> tried_;
};

}  // namespace pare

// compression_search: tries many ways to compress a network, to choose from for one goal after another.
#pragma once

#include <pare/compress/follow_recipe.hpp>
#include <pare/compress/measure_latency.hpp>
#include <pare/compress/narrow_network.hpp>
#include <pare/compress/settings_path.hpp>
#include <pare/tensor/for_each_rethrow.hpp>

namespace pare {

struct compress_options {
  std::vector<layer_setting> settings = common_settings();
  // Shares of the variance of the next layer's outputs that removed neurons may cost: 0 removes dead ones.
  std::vector<double> neuron_losses = {0, 0.003, 0.01, 0.02, 0.04, 0.08};
  executor* threads = nullptr;  // null is the calling thread alone; must outlive a search
  compress_callback progress = {};
};

// What is tried depends on the data and the options alone, not on a goal: so a larger budget never gives answers with a
// larger error.
class compression_search {
 public:
  // Inputs [inputs, samples], and a label for each or none at all. Errors as for compression_data, value_error for
  // options out of range, and `cancelled`.
  template <std::same_as<network> Network>
  compression_search(const Network& net, const Eigen::MatrixXf& inputs, const std::vector<int>& labels = {},
                     compress_options options = {})
      : options_(std::move(options)), data_(net, inputs, labels, options_.threads) {
    require_valid(options_.settings);
    detail::require<value_error>(!options_.settings.empty(), "there are no settings, at least 1 is needed");
    detail::require<value_error>(!options_.neuron_losses.empty(), "there are no neuron_losses, at least 1 is needed");
    for (const double neuron_loss : options_.neuron_losses)
      detail::require<value_error>(neuron_loss >= 0 && neuron_loss <= 1, "a neuron_loss is ", neuron_loss,
                                   ", must be in [0, 1]");
    tried_.push_back(data_.unchanged());
    for (const double neuron_loss : options_.neuron_losses) try_layers_apart(neuron_loss);
    try_in_sequence();
  }

  const compression_data& data() const noexcept { return data_; }
  const compress_options& options() const noexcept { return options_; }

  // Everything that was tried, the network as it was first.
  const std::vector<candidate>& tried() const noexcept { return tried_; }

  // The one for a goal, and for a budget of memory packed by pack_smallest. Throws what require_valid throws, and
  // value_error where none reaches the goal, saying what the nearest one has.
  candidate best(const budget& wanted) const {
    const std::vector<const candidate*> all = front(wanted.of);
    const candidate* found = nullptr;
    for (const candidate* c : all)
      if (c->bytes(wanted.of) <= wanted.bytes) found = c;
    detail::require<value_error>(found != nullptr, "the budget is ", wanted.bytes,
                                 " bytes, the smallest network found takes ", all.front()->bytes(wanted.of));
    candidate best = *found;
    if (wanted.of == bytes_of::memory) {
      best.network = pack_smallest(best.network);
      compression_data::measure_bytes(best);
    }
    return best;
  }
  candidate best(const accuracy_loss& wanted) const {
    require_valid(wanted, data_.original());
    const candidate* found = &tried_.front();  // the network as it was, which loses nothing
    for (const candidate& c : tried_)
      if (data_.points_lost(c) <= wanted.points && c.file_bytes < found->file_bytes) found = &c;
    return *found;
  }
  candidate best(const latency& wanted) const {
    require_valid(wanted, data_.original());
    std::vector<const candidate*> all = pointers();
    std::stable_sort(all.begin(), all.end(),
                     [](const candidate* a, const candidate* b) { return a->answers.error < b->answers.error; });
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < all.size(); ++i) {
      tell("measuring latencies", i, all.size());
      const double microseconds = measure_latency(all[i]->network, wanted.batch);
      least = std::min(least, microseconds);
      if (microseconds > wanted.microseconds) continue;
      candidate best = *all[i];
      best.microseconds = microseconds;
      return best;
    }
    detail::fail<value_error>({"microseconds is ", wanted.microseconds, ", the fastest network found takes ", least});
  }
  candidate best(const recipe& wanted) const { return follow_recipe(data_, wanted, options_.progress); }

  // From the fewest bytes on, what was tried and is better than what comes before it: a smaller error of the answers,
  // and no more of all inputs wrong, or as few as by the network as it was.
  std::vector<const candidate*> front(bytes_of of) const {
    std::vector<const candidate*> all = pointers(), result;
    std::stable_sort(all.begin(), all.end(), [&](const candidate* a, const candidate* b) {
      return std::pair(a->bytes(of), a->answers.error) < std::pair(b->bytes(of), b->answers.error);
    });
    const auto is_better = [before = &tried_.front()](const candidate& c, const candidate& than) {
      return c.answers.error < than.answers.error &&
             c.wrong_of_all <= std::max(than.wrong_of_all, before->wrong_of_all);
    };
    for (const candidate* c : all)
      if (result.empty() || is_better(*c, *result.back())) result.push_back(c);
    return result;
  }

 private:
  void tell(const std::string& step, std::size_t done, std::size_t all) const {
    detail::tell(options_.progress, step, done, all);
  }

  static bool same_widths(const network& a, const network& b) {
    for (std::size_t i = 0; i <= a.layers().size(); ++i)
      if (a.width(i) != b.width(i)) return false;
    return true;
  }

  // With one setting for all layers, each in turn, and along the path from the fewest bytes to the least error.
  void try_layers_apart(double neuron_loss) {
    const std::string kind = " with " + detail::fixed(100 * neuron_loss, 1) + " % loss by neurons";
    tell("removing neurons" + kind, 0, 1);
    candidate start = tried_.front();
    start.neuron_loss = neuron_loss;
    start.source = std::make_shared<const network>(
        narrow_network(data_.original(), neuron_loss, data_.calibration_inputs(), data_.threads()));
    for (const candidate& c : tried_)
      if (!c.settings.empty() && same_widths(*start.source, *c.source)) return;
    network_compressor compressor(*start.source, data_.calibration_inputs(), data_.threads());
    const auto rows =
        sensitivity(compressor, data_.held_out(), options_.settings,
                    [&](std::size_t done, std::size_t all) { tell("compressing layers" + kind, done, all); });
    std::vector<std::vector<layer_setting>> settings = detail::settings_path(rows, compressor.size());
    for (const layer_setting& setting : options_.settings) settings.emplace_back(compressor.size(), setting);
    std::vector<candidate> some(settings.size(), start);
    for (std::size_t i = 0; i < some.size(); ++i) {
      some[i].settings = std::move(settings[i]);
      some[i].network = compressor.assemble(some[i].settings);
    }
    add(std::move(some), "measuring networks" + kind);
  }

  // The best of those once more, layer after layer.
  void try_in_sequence() {
    std::vector<candidate> some;
    for (const candidate* c : front(bytes_of::file))
      if (!c->settings.empty()) some.push_back(*c);
    const std::size_t all = some.size();
    for (std::size_t i = 0; i < all; ++i) {
      tell("compressing layers in sequence", i, all);
      some[i].in_sequence = true;
      try {
        some[i].network =
            compress_in_sequence(*some[i].source, some[i].settings, data_.calibration_inputs(), data_.threads());
      } catch (const value_error&) {  // one that overflows is none to choose
        some[i].settings.clear();
      }
    }
    std::erase_if(some, [](const candidate& c) { return c.settings.empty(); });
    add(std::move(some), "measuring networks compressed in sequence");
  }

  void add(std::vector<candidate> some, const std::string& what) {
    serial_executor serial;
    executor& threads = options_.threads != nullptr ? *options_.threads : serial;
    constexpr std::size_t at_once = 16;
    for (std::size_t first = 0; first < some.size(); first += at_once) {
      tell(what, first, some.size());
      detail::for_each_rethrow(threads, static_cast<int>(std::min(at_once, some.size() - first)), [&](int i) {
        compression_data::measure_bytes(some[first + static_cast<std::size_t>(i)]);
      });
    }
    for (candidate& c : some) {
      data_.measure_answers(c);
      if (detail::is_finite(c.answers.error)) tried_.push_back(std::move(c));
    }
  }

  std::vector<const candidate*> pointers() const {
    std::vector<const candidate*> all;
    for (const candidate& c : tried_) all.push_back(&c);
    return all;
  }

  compress_options options_;
  compression_data data_;
  std::vector<candidate> tried_;
};

}  // namespace pare

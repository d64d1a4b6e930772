// compression_data: the network that is to be compressed, and inputs to do it by and to see what it did.
#pragma once

#include <memory>
#include <numeric>
#include <span>

#include <pare/compress/candidate.hpp>
#include <pare/compress/pack_smallest.hpp>
#include <pare/io/pare_file.hpp>
#include <pare/train/random.hpp>

namespace pare {

// A quarter of the inputs, drawn at random but always the same ones, is held out to tell how near the answers are to
// those of the network as it was, the others calibrate; of fewer than 8 all do both.
class compression_data {
 public:
  // Inputs [inputs, samples], and a label for each or none at all. The executor must outlive it. Errors as for
  // output_check, and value_error for a network without linear layers.
  template <std::same_as<network> Network>
  compression_data(const Network& net, const Eigen::MatrixXf& inputs, std::vector<int> labels = {},
                   executor* threads = nullptr)
      : original_(std::make_shared<const network>(net)),
        labels_(std::move(labels)),
        threads_(threads),
        all_(net, inputs, labels_, threads),
        split_(split_of(inputs.cols())),
        calibrating_(inputs(Eigen::all, split_.calibrating)),
        held_out_(held_out_check(net)) {
    detail::require<value_error>(linear_layers(net) > 0, "the network has no linear layers to compress");
  }

  const network& original() const noexcept { return *original_; }
  const std::shared_ptr<const network>& shared_original() const noexcept { return original_; }
  const Eigen::MatrixXf& calibration_inputs() const noexcept { return calibrating_; }
  executor* threads() const noexcept { return threads_; }

  // Of the inputs held out, and of all of them.
  const output_check& held_out() const noexcept { return held_out_; }
  const output_check& all() const noexcept { return all_; }

  // As held_out(), but compared with the answers of another network.
  output_check held_out_check(const network& net) const {
    std::vector<int> labels;
    for (const index_t i : split_.held_out)
      if (!labels_.empty()) labels.push_back(labels_[static_cast<std::size_t>(i)]);
    return output_check(net, all_.inputs()(Eigen::all, split_.held_out), std::move(labels), threads_);
  }

  // The network as it was, as a candidate.
  candidate unchanged() const {
    candidate c{original_};
    c.network = original();
    measure_bytes(c);
    measure_answers(c);
    return c;
  }

  // Fills in what a candidate takes and does.
  static void measure_bytes(candidate& c) {
    c.file_bytes = coded_size(c.network, coding::small);
    c.memory_bytes = pack_smallest(c.network).bytes();
  }
  void measure_answers(candidate& c) const {
    c.answers = held_out_.measure(c.network);
    c.wrong_of_all = all_.measure(c.network).wrong;
  }

  // How many points (percent of the inputs) more a candidate gets wrong than the network as it was, of the inputs held
  // out or of all of them, whichever is worse.
  double points_lost(const candidate& c) const {
    return std::max(points(c.answers.wrong, held_out_), points(c.wrong_of_all, all_));
  }

 private:
  // Counts are compared, which is exact.
  static double points(double wrong, const output_check& check) {
    const auto samples = static_cast<double>(check.samples());
    return 100 * (std::round(wrong * samples) - std::round(check.original().wrong * samples)) / samples;
  }

  struct split {
    std::vector<index_t> calibrating, held_out;  // numbers of inputs, ascending
  };

  static split split_of(index_t samples) {
    constexpr index_t fewest = 8;
    constexpr std::uint64_t seed = 1;
    std::vector<index_t> numbers(static_cast<std::size_t>(samples));
    std::iota(numbers.begin(), numbers.end(), index_t{0});
    if (samples < fewest) return {numbers, numbers};
    detail::random source(seed);
    detail::shuffle(std::span(numbers), source);
    const auto middle = numbers.begin() + samples / 4;
    std::sort(numbers.begin(), middle);
    std::sort(middle, numbers.end());
    return {{middle, numbers.end()}, {numbers.begin(), middle}};
  }

  std::shared_ptr<const network> original_;
  std::vector<int> labels_;
  executor* threads_;
  output_check all_;
  split split_;
  Eigen::MatrixXf calibrating_;
  output_check held_out_;
};

}  // namespace pare

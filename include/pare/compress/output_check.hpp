// output_check: how far the answers of a compressed network are from those of the network that it was made of.
#pragma once

#include <pare/prune/input_statistics.hpp>
#include <pare/train/evaluate.hpp>

namespace pare {

// What compression did to the answers for some inputs.
struct answer_change {
  double error = 0;  // with labels the mean Kullback-Leibler divergence, in nats, of the probabilities that outputs
                     // stand for, as logits or behind a softmax, at a temperature that makes their root mean square 4
                     // at most; without labels the squared error of the outputs, of their variance over the inputs
  double wrong = 0;  // share of inputs whose largest output is not that of their label (without labels: not that of
                     // the original network), in [0, 1]
};

// The answers of a network, which those of other networks are compared with.
class output_check {
 public:
  // Inputs [inputs, samples], and a label for each of them or none at all. Throws shape_error where extents do not fit,
  // value_error for no samples, for inputs or outputs that are not finite and for a label that is no output,
  // shape_error for labels of a single output.
  template <std::same_as<network> Network>
  output_check(const Network& net, Eigen::MatrixXf inputs, std::vector<int> labels = {}, executor* threads = nullptr)
      : inputs_(std::move(inputs)), threads_(threads) {
    detail::require<value_error>(inputs_.cols() > 0, "there are no inputs, at least 1 is needed");
    detail::require<shape_error>(inputs_.rows() == net.inputs(), "samples have ", inputs_.rows(),
                                 " features, the network takes ", net.inputs());
    detail::require_finite_samples(as_samples(inputs_), 0);
    outputs_ = logits_of(net, inputs_, threads);
    detail::require_finite(as_matrix(outputs_), "the outputs of the network");
    has_labels_ = !labels.empty();
    detail::require<shape_error>(!has_labels_ || std::ssize(labels) == inputs_.cols(), "there are ", labels.size(),
                                 " labels for ", inputs_.cols(), " inputs");
    detail::require<shape_error>(!has_labels_ || net.outputs() > 1,
                                 "the network has 1 output, labels need one for each class");
    for (std::size_t i = 0; i < labels.size(); ++i)
      detail::require<value_error>(labels[i] >= 0 && labels[i] < net.outputs(), "label ", i, " is ", labels[i],
                                   ", must be 0 to ", net.outputs() - 1);
    classes_ = has_labels_ ? std::move(labels) : detail::classes_of(outputs_);
    const auto* last = net.layers().empty() ? nullptr : std::get_if<activation_layer>(&net.layers().back());
    softmax_ = last != nullptr && last->function == activation::softmax;
    const Eigen::MatrixXd exact = outputs_.template cast<double>();
    variance_ = (exact.colwise() - exact.rowwise().mean()).squaredNorm();
    const Eigen::MatrixXd logits = softmax_ ? log_of(exact) : exact;
    const double rms =
        std::sqrt((logits.rowwise() - logits.colwise().mean()).squaredNorm() / static_cast<double>(logits.size()));
    temperature_ = std::max(1.0, rms / 4);
  }

  index_t samples() const noexcept { return inputs_.cols(); }
  const Eigen::MatrixXf& inputs() const noexcept { return inputs_; }

  // Whether `wrong` is by labels, and not by what the original network says.
  bool has_labels() const noexcept { return has_labels_; }

  // Of the original network itself.
  answer_change original() const { return {0, error_rate(outputs_, classes_)}; }

  // Of a network with as many inputs and outputs; outputs that are not finite are all wrong. Throws shape_error for
  // others.
  template <std::same_as<network> Network>
  answer_change measure(const Network& net) const {
    detail::require<shape_error>(net.outputs() == outputs_.rows(), "the network has ", net.outputs(), " outputs, not ",
                                 outputs_.rows());
    const Eigen::MatrixXf outputs = logits_of(net, inputs_, threads_);
    const auto is_finite = [](float output) { return detail::is_finite(output); };
    if (!std::all_of(outputs.data(), outputs.data() + outputs.size(), is_finite))
      return {std::numeric_limits<double>::infinity(), 1};
    return {has_labels_ ? divergence_of(outputs) : squared_error_of(outputs), error_rate(outputs, classes_)};
  }

 private:
  double squared_error_of(const Eigen::MatrixXf& outputs) const {
    const double squares = (outputs.cast<double>() - outputs_.cast<double>()).squaredNorm();
    return variance_ > 0 ? squares / variance_ : squares;
  }

  double divergence_of(const Eigen::MatrixXf& outputs) const {
    double sum = 0;
    for (index_t j = 0; j < outputs.cols(); ++j) {
      const Eigen::VectorXd p = log_probabilities(outputs_.col(j)), q = log_probabilities(outputs.col(j));
      sum += (p.array().exp() * (p - q).array()).sum();
    }
    return std::max(0.0, sum) / static_cast<double>(outputs.cols());  // below it by rounding alone
  }

  // Of probabilities, the least of which may have been rounded to zero.
  static Eigen::MatrixXd log_of(const Eigen::MatrixXd& probabilities) {
    return probabilities.cwiseMax(static_cast<double>(std::numeric_limits<float>::min())).array().log();
  }

  template <class Column>
  Eigen::VectorXd log_probabilities(const Column& outputs) const {
    Eigen::ArrayXd x = outputs.template cast<double>();
    if (softmax_) x = log_of(x.matrix()).array();
    x = (x - x.maxCoeff()) / temperature_;
    return x - std::log(x.exp().sum());
  }

  Eigen::MatrixXf inputs_, outputs_;
  std::vector<int> classes_;
  bool has_labels_ = false, softmax_ = false;
  double variance_ = 0, temperature_ = 1;
  executor* threads_;
};

}  // namespace pare

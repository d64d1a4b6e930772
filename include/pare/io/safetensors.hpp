// safetensors files: named tensors as they lie in the mapped file, and perceptrons made of them. Opt-in: needs
// nlohmann-json.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <pare/io/mapped_file.hpp>
#include <pare/io/safetensors_header.hpp>
#include <pare/nn/network.hpp>
#include <pare/tensor/eigen.hpp>

namespace pare {

// The tensors of a file (github.com/huggingface/safetensors), by name. Copies share the mapping, and nothing is read
// until it is looked at; the file must not change meanwhile.
class safetensors_file {
 public:
  // Throws io_error for a file that cannot be read, format_error for one that is not what the format asks for.
  explicit safetensors_file(const std::string& path);

  const std::string& name() const noexcept { return name_; }
  const std::map<std::string, safetensor>& tensors() const noexcept { return tensors_; }

  // Throws value_error listing what there is if there is no such tensor.
  const safetensor& at(const std::string& tensor) const;

  // The values of a matrix [rows, cols], or of a vector, of F64, F32, F16 or BF16, rounded to float. Errors as for
  // `at`, shape_error for another rank, format_error for another type.
  row_major_matrix matrix(const std::string& tensor) const;
  Eigen::VectorXf vector(const std::string& tensor) const;

 private:
  std::string name_;
  std::shared_ptr<const detail::mapped_file> file_;
  std::map<std::string, safetensor> tensors_;
};

struct safetensors_options {
  activation hidden = activation::relu;  // behind every layer but the last
  std::vector<std::string> prefixes;     // of the layers in order, as in "fc1."; empty finds them
};

// A perceptron from tensors `<prefix>weight` [outputs, inputs] and `<prefix>bias` [outputs], which may be missing.
// Without prefixes all tensors must be such, and layers are ordered by name with numbers compared as numbers:
// "2.weight" comes before "10.weight". Weights are stored as 32-bit floats. Throws format_error listing what was found
// if that is no perceptron, shape_error for layers that do not fit together, value_error for a prefix that is not there
// and for values that are not finite in float, and what safetensors_file throws.
network load_safetensors(const std::string& path, const safetensors_options& options = {});

namespace detail {

// "name F32 [3, 4]" of each tensor, or of the first few.
inline std::string list_of(const std::map<std::string, safetensor>& tensors) {
  constexpr std::size_t most = 20, longest = 100;
  std::string list;
  std::size_t count = 0;
  for (const auto& [name, tensor] : tensors) {
    if (count++ == most) return text(list, " and ", tensors.size() - most, " more");
    list += text(list.empty() ? "" : ", ", name.substr(0, longest), ' ', tensor.dtype, " [");
    for (std::size_t axis = 0; axis < tensor.shape.size() && axis < max_rank; ++axis)
      list += text(axis > 0 ? ", " : "", tensor.shape[axis]);
    list += tensor.shape.size() > max_rank ? ", ...]" : "]";
  }
  return list.empty() ? "no tensors" : list;
}

// Runs of digits compare as numbers, everything else by character.
inline bool natural_less(std::string_view a, std::string_view b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto take_number = [&](std::string_view& s) {
    std::size_t end = 0;
    while (end < s.size() && is_digit(s[end])) ++end;
    std::string_view number = s.substr(0, end);
    number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
    s.remove_prefix(end);
    return number;
  };
  const std::string_view whole_a = a, whole_b = b;
  while (!a.empty() && !b.empty()) {
    if (is_digit(a[0]) && is_digit(b[0])) {
      const std::string_view x = take_number(a), y = take_number(b);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
      continue;
    }
    if (a[0] != b[0]) return a[0] < b[0];
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  if (a.empty() != b.empty()) return a.empty();
  return whole_a < whole_b;
}

// The prefixes of weights in order, if everything else is a bias of one of them.
inline std::vector<std::string> find_prefixes(const safetensors_file& file) {
  const auto prefix_before = [](std::string_view name, std::string_view ending) {
    return std::string(name.substr(0, name.size() - ending.size()));
  };
  std::vector<std::string> prefixes;
  for (const auto& [name, tensor] : file.tensors()) {
    const bool weight = name.ends_with("weight") && tensor.shape.size() == 2;
    const bool bias = name.ends_with("bias") && file.tensors().contains(prefix_before(name, "bias") + "weight");
    require<format_error>(
        weight || bias, file.name(), ": ", name.substr(0, 100), " is neither a weight [outputs, ",
        "inputs] nor the bias of one; name the prefixes of the layers to use. There are: ", list_of(file.tensors()));
    if (weight) prefixes.push_back(prefix_before(name, "weight"));
  }
  require<format_error>(!prefixes.empty(), file.name(), ": has no tensors");
  std::sort(prefixes.begin(), prefixes.end(), natural_less);
  return prefixes;
}

// The element type's values as floats [size].
inline Eigen::VectorXf to_floats(const safetensor& tensor, const std::string& file, const std::string& name) {
  const auto convert = [&]<class T>(T) {
    const auto count = static_cast<index_t>(tensor.bytes.size() / sizeof(T));
    Eigen::Matrix<T, Eigen::Dynamic, 1> values(count);  // a copy, since the file need not be aligned
    if (count > 0) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    return Eigen::VectorXf(values.template cast<float>());
  };
  if (tensor.dtype == "F32") return convert(float{});
  if (tensor.dtype == "F64") return convert(double{});
  if (tensor.dtype == "F16") return convert(Eigen::half{});
  if (tensor.dtype == "BF16") return convert(Eigen::bfloat16{});
  throw format_error(text(file, ": ", name, " is ", tensor.dtype, ", must be F64, F32, F16 or BF16"));
}

// One layer. Without a bias it is zero.
inline linear load_layer(const safetensors_file& file, const std::string& prefix, index_t inputs) {
  const auto weights = file.matrix(prefix + "weight");
  require<shape_error>(inputs == 0 || weights.cols() == inputs, file.name(), ": ", prefix, "weight is [",
                       weights.rows(), ", ", weights.cols(), "], the layer before it has ", inputs,
                       " outputs. There are: ", list_of(file.tensors()));
  require<shape_error>(weights.size() > 0, file.name(), ": ", prefix, "weight is empty");
  const bool biased = file.tensors().contains(prefix + "bias");
  const Eigen::VectorXf bias = biased ? file.vector(prefix + "bias") : Eigen::VectorXf::Zero(weights.rows());
  require<shape_error>(bias.size() == weights.rows(), file.name(), ": ", prefix, "bias has ", bias.size(),
                       " elements, ", prefix, "weight has ", weights.rows(), " rows");
  try {
    return linear(pack_dense(weights), bias);
  } catch (const value_error& reason) {
    throw value_error(text(file.name(), ": layer ", prefix, ": ", reason.what()));
  }
}

}  // namespace detail

inline safetensors_file::safetensors_file(const std::string& path)
    : name_(path), file_(std::make_shared<const detail::mapped_file>(path)) {
  try {
    tensors_ = detail::read_safetensors(file_->bytes());
  } catch (const format_error& reason) {
    throw format_error(detail::text(name_, ": ", reason.what()));
  }
}

inline const safetensor& safetensors_file::at(const std::string& tensor) const {
  const auto found = tensors_.find(tensor);
  detail::require<value_error>(found != tensors_.end(), name_, ": has no tensor ", tensor,
                               ". There are: ", detail::list_of(tensors_));
  return found->second;
}

inline row_major_matrix safetensors_file::matrix(const std::string& tensor) const {
  const safetensor& found = at(tensor);
  detail::require<shape_error>(found.shape.size() == 2, name_, ": ", tensor, " has rank ", found.shape.size(),
                               ", must be a matrix");
  const Eigen::VectorXf values = detail::to_floats(found, name_, tensor);
  return Eigen::Map<const row_major_matrix>(values.data(), found.shape[0], found.shape[1]);
}

inline Eigen::VectorXf safetensors_file::vector(const std::string& tensor) const {
  const safetensor& found = at(tensor);
  detail::require<shape_error>(found.shape.size() == 1, name_, ": ", tensor, " has rank ", found.shape.size(),
                               ", must be a vector");
  return detail::to_floats(found, name_, tensor);
}

inline network load_safetensors(const std::string& path, const safetensors_options& options) {
  const safetensors_file file(path);
  const std::vector<std::string> prefixes = options.prefixes.empty() ? detail::find_prefixes(file) : options.prefixes;
  linear first = detail::load_layer(file, prefixes.front(), 0);
  network net(first.inputs());
  net.add(std::move(first));
  for (std::size_t i = 1; i < prefixes.size(); ++i) {
    if (options.hidden != activation::identity) net.add(options.hidden);
    net.add(detail::load_layer(file, prefixes[i], net.outputs()));
  }
  return net;
}

}  // namespace pare

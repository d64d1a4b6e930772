// safetensors files: named tensors as they lie in the mapped file, and perceptrons made of them, and both written.
// Opt-in: needs nlohmann-json.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <Eigen/Core>

#include <pare/io/mapped_file.hpp>
#include <pare/io/minifloat.hpp>
#include <pare/io/safetensors_header.hpp>
#include <pare/io/safetensors_index.hpp>
#include <pare/io/safetensors_writer.hpp>
#include <pare/nn/network.hpp>
#include <pare/tensor/eigen.hpp>

namespace pare {

// The tensors of a file (github.com/huggingface/safetensors), by name, or of the shards that an index names. Copies
// share the mapping, and nothing is read until it is looked at; the files must not change meanwhile.
class safetensors_file {
 public:
  // A path that ends in ".index.json" is that of an index; its shards lie beside it, and of these there are the tensors
  // that it names. Throws io_error for a file that cannot be read, format_error for one that is not what the format
  // asks for, and for a tensor that is not in the shard it should be in.
  explicit safetensors_file(const std::string& path);

  const std::string& name() const noexcept { return name_; }
  const std::map<std::string, safetensor>& tensors() const noexcept { return tensors_; }

  // What the file says about itself; of shards, what each says that no other has said before.
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }

  // Throws value_error listing what there is if there is no such tensor.
  const safetensor& at(const std::string& tensor) const;

  // The values of a matrix [rows, cols], or of a vector, of any type but F6 and C64, rounded to float. Of two F4 in a
  // byte the lower bits are the first. Errors as for `at`, shape_error for another rank, format_error for these types.
  row_major_matrix matrix(const std::string& tensor) const;
  Eigen::VectorXf vector(const std::string& tensor) const;

 private:
  void read_index(const std::string& path);
  detail::safetensors_content map(const std::string& path);

  std::string name_;
  std::vector<std::shared_ptr<const detail::mapped_file>> files_;
  std::map<std::string, safetensor> tensors_;
  std::map<std::string, std::string> metadata_;
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

// The values of codes of so many bits, the lowest ones of a byte first, by value(code).
template <class Value>
Eigen::VectorXf look_up_floats(std::span<const std::byte> bytes, int bits, Value&& value) {
  std::vector<float> values;
  for (unsigned code = 0; code < 1u << bits; ++code) values.push_back(value(code));
  Eigen::VectorXf floats(static_cast<index_t>(bytes.size()) * (8 / bits));
  index_t next = 0;
  for (const std::byte byte : bytes)
    for (int bit = 0; bit < 8; bit += bits)
      floats[next++] = values[std::to_integer<std::size_t>(byte) >> bit & (values.size() - 1)];
  return floats;
}

// Of a type that is a narrow float; empty for any other.
inline std::optional<Eigen::VectorXf> narrow_floats(const safetensor& tensor) {
  if (tensor.dtype == "F8_E8M0") return look_up_floats(tensor.bytes, 8, e8m0_value);
  struct known_type {
    std::string_view name;
    minifloat type;
  };
  for (const known_type& each : {known_type{"F4", e2m1},
                                 {"F8_E4M3", e4m3},
                                 {"F8_E5M2", e5m2},
                                 {"F8_E4M3FNUZ", e4m3_fnuz},
                                 {"F8_E5M2FNUZ", e5m2_fnuz}})
    if (tensor.dtype == each.name) {
      const int bits = 1 + each.type.exponent_bits + each.type.mantissa_bits;
      return look_up_floats(tensor.bytes, bits, [&](unsigned code) { return minifloat_value(each.type, code); });
    }
  return {};
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
  if (tensor.dtype == "I8") return convert(std::int8_t{});
  if (tensor.dtype == "U8" || tensor.dtype == "BOOL") return convert(std::uint8_t{});
  if (tensor.dtype == "I16") return convert(std::int16_t{});
  if (tensor.dtype == "U16") return convert(std::uint16_t{});
  if (tensor.dtype == "I32") return convert(std::int32_t{});
  if (tensor.dtype == "U32") return convert(std::uint32_t{});
  if (tensor.dtype == "I64") return convert(std::int64_t{});
  if (tensor.dtype == "U64") return convert(std::uint64_t{});
  if (auto floats = narrow_floats(tensor)) return *std::move(floats);
  throw format_error(text(file, ": ", name, " is ", tensor.dtype, ", which has no one value for each element"));
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

inline safetensors_file::safetensors_file(const std::string& path) : name_(path) {
  if (path.ends_with(".index.json")) {
    read_index(path);
    return;
  }
  detail::safetensors_content content = map(path);
  tensors_ = std::move(content.tensors);
  metadata_ = std::move(content.metadata);
}

inline detail::safetensors_content safetensors_file::map(const std::string& path) {
  return detail::read_file(path, [&](const auto& file, std::span<const std::byte> bytes) {
    files_.push_back(file);
    return detail::read_safetensors(bytes);
  });
}

inline void safetensors_file::read_index(const std::string& path) {
  const std::map<std::string, std::string> file_of = detail::read_file(
      path, [](const auto&, std::span<const std::byte> bytes) { return detail::read_weight_map(bytes); });
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  std::map<std::string, std::map<std::string, safetensor>> shards;
  for (const auto& [tensor, file] : file_of) {
    if (!shards.contains(file)) {
      detail::safetensors_content content = map(folder + file);
      metadata_.merge(content.metadata);
      shards.emplace(file, std::move(content.tensors));
    }
    const auto found = shards[file].find(tensor);
    detail::require<format_error>(found != shards[file].end(), name_, ": ", tensor.substr(0, 100), " is not in ", file);
    tensors_.emplace(tensor, found->second);
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

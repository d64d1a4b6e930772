// safetensors files, written as the format's own library writes them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <pare/io/atomic_file.hpp>
#include <pare/io/safetensors_header.hpp>
#include <pare/nn/quantize.hpp>

namespace pare {

// Writes tensors to a file that appears whole or not at all: ordered by type, wide ones first, then by name, behind a
// header of a multiple of 8 bytes (github.com/huggingface/safetensors). The same tensors give the same bytes.
// Throws value_error for a type that the format does not know, bytes that are not those of the shape, and names or
// metadata that are not UTF-8; io_error if the file cannot be written.
void save_safetensors(const std::map<std::string, safetensor>& tensors, const std::string& path,
                      const std::map<std::string, std::string>& metadata = {});

// Writes the weights and biases of a perceptron, with the names that PyTorch's Sequential would give them: those of
// layer i are "i.weight" [outputs, inputs] and "i.bias" [outputs]. Floats of 32 bits, or of 16 for weights that are
// stored as BF16; compressed weights become what they stand for. Throws value_error naming a layer that is neither
// linear nor an activation, and what the other overload throws.
template <std::same_as<network> Network>
void save_safetensors(const Network& net, const std::string& path);

namespace detail {

// The tensors in the order of the file.
inline std::vector<const std::pair<const std::string, safetensor>*> in_file_order(
    const std::map<std::string, safetensor>& tensors) {
  std::vector<const std::pair<const std::string, safetensor>*> ordered;
  for (const auto& each : tensors) ordered.push_back(&each);
  // Types lie in one array, so that their addresses have its order.
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) {
    return find_safetensors_type(a->second.dtype) > find_safetensors_type(b->second.dtype);
  });
  return ordered;
}

// Throws value_error unless the tensor can be written.
inline void require_writable(const std::string& name, const safetensor& tensor) {
  require<value_error>(name != "__metadata__", "a tensor must not be called __metadata__");
  safetensors_entry entry{tensor.dtype, {}, {0, tensor.bytes.size()}};
  for (const index_t extent : tensor.shape) {
    require<value_error>(extent >= 0, name, ": the shape has ", extent, ", must be at least 0");
    entry.shape.push_back(static_cast<std::uint64_t>(extent));
  }
  try {
    place_tensor(name, entry, tensor.bytes);
  } catch (const format_error& reason) {
    throw value_error(reason.what());
  }
}

// The first part of a file, its length included.
inline std::string safetensors_header(const std::vector<const std::pair<const std::string, safetensor>*>& ordered,
                                      const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t end = 0;
  for (const auto* each : ordered) {
    const auto& [name, tensor] = *each;
    const std::uint64_t begin = end;
    end += tensor.bytes.size();
    header[name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  std::string json;
  try {
    json = header.dump();
  } catch (const nlohmann::json::exception& reason) {
    throw value_error(text("names and metadata must be UTF-8: ", reason.what()));
  }
  json.resize((json.size() + 7) / 8 * 8, ' ');
  require<value_error>(json.size() <= most_safetensors_header, "the header has ", json.size(),
                       " bytes, must be at most ", most_safetensors_header);
  std::array<char, 8> length;
  const std::uint64_t size = json.size();
  std::memcpy(length.data(), &size, sizeof size);
  return std::string(length.begin(), length.end()) + json;
}

}  // namespace detail

inline void save_safetensors(const std::map<std::string, safetensor>& tensors, const std::string& path,
                             const std::map<std::string, std::string>& metadata) {
  for (const auto& [name, tensor] : tensors) detail::require_writable(name, tensor);
  const auto ordered = detail::in_file_order(tensors);
  const std::string header = detail::safetensors_header(ordered, metadata);
  detail::atomic_file file(path);
  file.write(std::as_bytes(std::span(header)));
  for (const auto* each : ordered) file.write(each->second.bytes);
  file.commit();
}

template <std::same_as<network> Network>
void save_safetensors(const Network& net, const std::string& path) {
  std::vector<row_major_matrix> weights;  // that the tensors point into
  std::vector<std::vector<Eigen::bfloat16>> halves;
  std::map<std::string, safetensor> tensors;
  weights.reserve(net.layers().size());
  halves.reserve(net.layers().size());
  for (std::size_t i = 0; i < net.layers().size(); ++i) {
    const any_layer& layer = net.layers()[i];
    const auto* l = std::get_if<linear>(&layer);
    detail::require<value_error>(l != nullptr || std::holds_alternative<activation_layer>(layer), "layer ", i,
                                 " is neither linear nor an activation, which safetensors has no place for");
    if (l == nullptr) continue;
    const packed_format& format = l->weights().format();
    const row_major_matrix& w = weights.emplace_back(dense_weights(*l));
    safetensor tensor{
        "F32", {w.rows(), w.cols()}, std::as_bytes(std::span(w.data(), static_cast<std::size_t>(w.size())))};
    if (format.encoding == encoding::dense && format.bits == 16) {
      const auto& narrow = halves.emplace_back(w.data(), w.data() + w.size());
      tensor = {"BF16", {w.rows(), w.cols()}, std::as_bytes(std::span(narrow))};
    }
    tensors.emplace(std::to_string(i) + ".weight", std::move(tensor));
    tensors.emplace(std::to_string(i) + ".bias", safetensor{"F32", {l->outputs()}, std::as_bytes(l->bias())});
  }
  save_safetensors(tensors, path);
}

}  // namespace pare

// Training runs in files, to go on later.
#pragma once

#include <array>
#include <bit>
#include <cstring>
#include <string>

#include <pare/io/atomic_file.hpp>
#include <pare/io/checksum.hpp>
#include <pare/io/mapped_file.hpp>
#include <pare/train/training_state.hpp>

namespace pare::detail {

static_assert(std::endian::native == std::endian::little, "checkpoints are little-endian");

// At the beginning of the file; what follows is the state, in the order of exchange_state.
struct checkpoint_header {
  std::array<char, 8> magic = {'P', 'A', 'R', 'E', 'T', 'R', 'A', 'I'};
  std::uint32_t version = 2;
  std::uint32_t zero = 0;
  std::uint64_t length = 0;    // of the file, in bytes
  std::uint64_t checksum = 0;  // of everything behind the header
  std::uint64_t run = 0;       // checksum_of_run
};

// Of the choices without which a state would mean something else: seed, batches, loss, optimizer, functions of layers,
// masks and quantizers.
template <std::same_as<mlp> Model>
std::uint64_t checksum_of_run(const Model& model, const training_options& options) {
  std::vector<std::uint64_t> numbers;
  const auto add = [&](auto... each) { (numbers.push_back(static_cast<std::uint64_t>(each)), ...); };
  add(options.seed, options.shards, options.batch_size, options.loss.index(), options.optimizer.index());
  add(options.pruning.every > 0, options.pruning.regrow, options.variational.has_value());
  for (const dense_layer& layer : model.layers) add(layer.function);
  add(options.constraints.size());
  for (const weight_constraint& each : options.constraints) {
    add(each.kept.size(), each.quantizer.index(), each.inputs.has_value());
    if (const auto* step = std::get_if<learned_step>(&each.quantizer)) add(step->levels, step->per_row);
    if (const auto* codebook = std::get_if<learned_codebook>(&each.quantizer)) add(codebook->levels);
    numbers.insert(numbers.end(), each.kept.words().begin(), each.kept.words().end());
  }
  checksum sum;
  sum.add(std::as_bytes(std::span(numbers)));
  return sum.value();
}

class checkpoint_writer {
 public:
  static constexpr bool reads = false;

  template <class T>
  void number(std::string_view, const T& value) {
    bytes(&value, sizeof value);
  }
  void bytes(const void* data, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), first, first + size);
  }
  const std::vector<std::byte>& written() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

class checkpoint_reader {
 public:
  static constexpr bool reads = true;

  explicit checkpoint_reader(std::span<const std::byte> bytes) : left_(bytes) {}

  template <class T>
  void number(std::string_view what, T& value) {
    require<format_error>(left_.size() >= sizeof value, "ends before the ", what);
    bytes(&value, sizeof value);
  }
  void bytes(void* data, std::size_t size) {
    require<format_error>(left_.size() >= size, "ends too early: ", size, " bytes are needed, ", left_.size(),
                          " are left");
    std::memcpy(data, left_.data(), size);
    left_ = left_.subspan(size);
  }
  std::size_t left() const { return left_.size(); }

 private:
  std::span<const std::byte> left_;
};

// The functions below write a part of a state, or read it into one whose tensors have the right sizes already, so that
// nothing is ever allocated for what a file says. They throw format_error for what does not fit.

// A tensor of floats, all finite.
template <class File, class Tensor>
void exchange_tensor(File& file, std::string_view what, Tensor& tensor) {
  auto size = static_cast<std::uint64_t>(tensor.size());
  file.number(what, size);
  require<format_error>(size == static_cast<std::uint64_t>(tensor.size()), "has ", size, " ", what, ", the run has ",
                        tensor.size());
  if (size == 0) return;
  file.bytes(tensor.data(), static_cast<std::size_t>(size) * sizeof(float));
  require<format_error>(tensor.allFinite(), "has ", what, " that are not finite");
}

template <class File>
void exchange_parameters(File& file, parameters& all) {
  for (layer_parameters& layer : all) {
    exchange_tensor(file, "weights", layer.weights);
    exchange_tensor(file, "variances", layer.log_variance);
    exchange_tensor(file, "biases", layer.bias);
    exchange_tensor(file, "levels", layer.levels);
  }
}

// Parameters that need not be there; `shape` gives the sizes if they are.
template <class File, std::same_as<parameters> Parameters>
bool exchange_optional(File& file, std::string_view what, Parameters& all, const Parameters& shape) {
  std::uint32_t present = all.empty() ? 0 : 1;
  file.number(what, present);
  require<format_error>(present <= 1, "has ", present, " as the mark of the ", what, ", must be 0 or 1");
  if constexpr (File::reads) all = present == 1 ? shape : Parameters{};
  exchange_parameters(file, all);
  return present == 1;
}

template <class File>
void exchange_masks(File& file, std::vector<mask>& masks) {
  for (mask& each : masks) {
    for (index_t first = 0; first < each.size(); first += mask::word_bits) {
      std::uint64_t word = each.words()[static_cast<std::size_t>(first / mask::word_bits)];
      file.number("masks", word);
      if constexpr (!File::reads) continue;
      const index_t count = std::min(mask::word_bits, each.size() - first);
      require<format_error>(count == mask::word_bits || word >> count == 0, "has a mask with bits beyond its end");
      for (index_t i = 0; i < count; ++i) each.set((first + i) / each.cols(), (first + i) % each.cols(), word >> i & 1);
    }
  }
}

template <class File, std::same_as<training_state> State>
void exchange_state(File& file, State& state) {
  file.number("number of epochs", state.epoch);
  file.number("number of steps", state.steps);
  file.number("plateau", state.plateau.factor);
  file.number("plateau", state.plateau.least_loss);
  file.number("plateau", state.plateau.epochs);
  file.number("best measure", state.best_measure);
  file.number("epochs since the best", state.epochs_since_best);
  auto layers = static_cast<std::uint32_t>(state.values.size());
  file.number("number of layers", layers);
  require<format_error>(layers == state.values.size(), "has ", layers, " layers, the run has ", state.values.size());
  exchange_parameters(file, state.values);
  exchange_parameters(file, state.first);
  exchange_parameters(file, state.second);
  exchange_optional(file, "average", state.average, state.values);
  exchange_masks(file, state.masks);
  for (auto& energy : state.energy) exchange_tensor(file, "energies", energy);
  if (!exchange_optional(file, "best parameters", state.best, state.values)) return;
  if constexpr (File::reads) state.best_masks = state.masks;
  exchange_masks(file, state.best_masks);
}

template <std::same_as<training_state> State>
void save_checkpoint(const State& state, std::uint64_t run, const std::string& path) {
  checkpoint_writer writer;
  State copy = state;
  exchange_state(writer, copy);
  checkpoint_header header;
  header.length = sizeof header + writer.written().size();
  checksum sum;
  sum.add(writer.written());
  header.checksum = sum.value();
  header.run = run;
  atomic_file file(path);
  file.write(std::as_bytes(std::span(&header, 1)));
  file.write(writer.written());
  file.commit();
}

inline std::span<const std::byte> checked_checkpoint(std::span<const std::byte> bytes, std::uint64_t run) {
  checkpoint_header header;
  require<format_error>(bytes.size() >= sizeof header, "has ", bytes.size(), " bytes, a header alone has ",
                        sizeof header);
  std::memcpy(&header, bytes.data(), sizeof header);
  require<format_error>(header.magic == checkpoint_header{}.magic, "does not begin with PARETRAI");
  require<format_error>(header.version == 2 && header.zero == 0, "has version ", header.version, ", must be 2");
  require<format_error>(header.length == bytes.size(), "has ", bytes.size(), " bytes, its header says ", header.length);
  checksum sum;
  sum.add(bytes.subspan(sizeof header));
  require<format_error>(sum.value() == header.checksum, "is damaged: its checksum is ", header.checksum,
                        ", its bytes have ", sum.value());
  require<format_error>(header.run == run,
                        "is of a run with another seed, batch size, number of shards, loss, optimizer, ",
                        "activation, mask or quantizer");
  return bytes.subspan(sizeof header);
}

// Reads into a state of the same run; it is of no use if this throws.
template <std::same_as<training_state> State>
void load_checkpoint(State& state, std::uint64_t run, index_t steps_per_epoch, const std::string& path) {
  const mapped_file file(path);
  try {
    checkpoint_reader reader(checked_checkpoint(file.bytes(), run));
    exchange_state(reader, state);
    require<format_error>(reader.left() == 0, "has ", reader.left(), " bytes behind its end");
    require<format_error>(state.epoch >= 0 && state.steps == state.epoch * steps_per_epoch, "has ", state.steps,
                          " steps in ", state.epoch, " epochs, the run takes ", steps_per_epoch, " in each");
    require<format_error>(state.plateau.factor >= 0 && state.plateau.factor <= 1 && state.plateau.epochs >= 0 &&
                              state.epochs_since_best >= 0,
                          "has a schedule that cannot be");
  } catch (const format_error& reason) {
    throw format_error(text(path, ": ", reason.what()));
  }
}

}  // namespace pare::detail

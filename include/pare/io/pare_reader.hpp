// Reading of the library's own files.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>

#include <pare/io/checksum.hpp>
#include <pare/io/mapped_file.hpp>
#include <pare/io/pare_format.hpp>
#include <pare/io/pare_sample.hpp>

namespace pare::detail {

// Takes payloads off the front of a file whose length is a multiple of a block.
class payload_reader {
 public:
  explicit payload_reader(std::span<const std::byte> left) : left_(left) {}

  std::span<const std::byte> take(std::uint64_t size) {
    require<format_error>(size <= left_.size(), "needs ", size, " bytes, ", left_.size(), " are left");
    const auto payload = left_.first(static_cast<std::size_t>(size));
    const auto padding = left_.first(static_cast<std::size_t>(padded(size))).subspan(payload.size());
    require<format_error>(std::ranges::all_of(padding, [](std::byte b) { return b == std::byte{0}; }),
                          "the padding behind ", size, " bytes is not zero");
    left_ = left_.subspan(payload.size() + padding.size());
    return payload;
  }
  std::span<const float> take_floats(std::uint64_t count) {
    require<format_error>(count <= left_.size() / sizeof(float), "needs ", count, " floats, ", left_.size(),
                          " bytes are left");
    const auto bytes = take(count * sizeof(float));
    return {reinterpret_cast<const float*>(bytes.data()), static_cast<std::size_t>(count)};
  }
  std::size_t left() const { return left_.size(); }

 private:
  std::span<const std::byte> left_;
};

// A mapped file being read. Errors below carry no file name: read_file adds it.
class file_reader {
 public:
  explicit file_reader(const std::filesystem::path& path)
      : file_(std::make_shared<const mapped_file>(path)), bytes_(file_->bytes()) {}

  // Everything but the checksum that concerns the file as a whole.
  void check_header() {
    require<format_error>(bytes_.size() >= file_block, "has ", bytes_.size(), " bytes, a header alone has ",
                          file_block);
    std::memcpy(&header_, bytes_.data(), sizeof header_);
    require<format_error>(header_.magic == file_header{}.magic, "does not begin with PARE");
    require<format_error>(header_.version == file_version, "has version ", header_.version, ", must be ", file_version);
    require<format_error>(header_.coding == coding_mapped, "has coding ", header_.coding, ", must be ", coding_mapped);
    require<format_error>(header_.length == bytes_.size(), "has ", bytes_.size(), " bytes, its header says ",
                          header_.length);
    require<format_error>(bytes_.size() % file_block == 0, "has ", bytes_.size(), " bytes, must be a multiple of ",
                          file_block);
  }

  void check_checksum() const {
    file_header unsummed = header_;
    unsummed.checksum = 0;
    checksum sum;
    sum.add(std::as_bytes(std::span(&unsummed, 1)));
    sum.add(bytes_.subspan(file_block));
    require<format_error>(sum.value() == header_.checksum, "is damaged: its checksum is ", header_.checksum,
                          ", its bytes have ", sum.value());
  }

  network read_layers() {
    const std::uint64_t most = std::min<std::uint64_t>(max_file_layers, bytes_.size() / file_block - 1);
    require<format_error>(header_.zero == file_header{}.zero, "has a header whose last 28 bytes are not zero");
    require<format_error>(header_.layers <= most, "has ", header_.layers, " layers, at most ", most, " are possible");
    require<format_error>(header_.inputs >= 1 && header_.inputs <= bytes_.size() / sizeof(float), "has ",
                          header_.inputs, " inputs, must be 1 to ", bytes_.size() / sizeof(float));
    network net(static_cast<index_t>(header_.inputs));
    payload_reader payloads(bytes_.subspan((header_.layers + std::size_t{1}) * file_block));
    for (std::uint32_t i = 0; i < header_.layers; ++i) {
      try {
        net.add(read_layer(i, payloads));
      } catch (const error& reason) {
        throw format_error(text("layer ", i, ": ", reason.what()));
      }
    }
    input_ = payloads.take_floats(header_.inputs);
    output_ = payloads.take_floats(static_cast<std::uint64_t>(net.outputs()));
    require<format_error>(payloads.left() == 0, "has ", payloads.left(), " bytes behind its end");
    require_modest_residuals<format_error>(net, bytes_.size());
    return net;
  }

  std::span<const float> input() const { return input_; }
  std::span<const float> output() const { return output_; }

 private:
  any_layer read_layer(std::uint32_t index, payload_reader& payloads) const {
    layer_record record;
    std::memcpy(&record, bytes_.data() + (index + std::size_t{1}) * file_block, sizeof record);
    const any_layer result = build(record, payloads);
    const layer_record expected = record_of(result);
    require<format_error>(std::memcmp(&record, &expected, sizeof record) == 0,
                          "its record has a field that must be zero and is not, or is not 0 or 1 and must be");
    return result;
  }

  any_layer build(const layer_record& record, payload_reader& payloads) const {
    switch (record.kind) {
      case layer_kind::linear: return build_linear(record, payloads);
      case layer_kind::activation:
        require<format_error>(record.type < activations.size(), "unknown activation ", record.type);
        return activation_layer(activations[record.type], record.parameter);
      case layer_kind::normalization: {
        const auto gain = payloads.take_floats(record.inputs);
        if (record.type == 0) return rms_norm(gain, record.parameter);
        return layer_norm(gain, payloads.take_floats(record.inputs), record.parameter);
      }
      case layer_kind::residual: return residual{static_cast<std::size_t>(record.from)};
    }
    throw format_error(text("unknown kind of layer ", static_cast<int>(record.kind)));
  }

  linear build_linear(const layer_record& record, payload_reader& payloads) const {
    constexpr std::uint64_t most = std::uint64_t{1} << 31;
    for (const std::uint64_t size : {record.outputs, record.inputs, record.group_size})
      require<format_error>(size >= 1 && size <= most, "the matrix is ", record.outputs, " x ", record.inputs,
                            " in groups of ", record.group_size, ", each must be 1 to 2^31");
    require<format_error>(record.precision <= 1, "unknown precision ", record.precision);
    const packed_format format{static_cast<encoding>(record.type), record.bits, static_cast<scheme>(record.scheme),
                               record.codebook != 0, static_cast<index_t>(record.group_size)};
    packed_matrix weights(static_cast<index_t>(record.outputs), static_cast<index_t>(record.inputs), format,
                          buffer(file_, payloads.take(record.weight_bytes)));
    require_finite_weights(weights);
    return {std::move(weights), payloads.take_floats(record.outputs), static_cast<precision>(record.precision)};
  }

  std::shared_ptr<const mapped_file> file_;
  std::span<const std::byte> bytes_;
  file_header header_;
  std::span<const float> input_;
  std::span<const float> output_;
};

// Calls use(reader, network) while the file is mapped.
template <class Use>
auto read_file(const std::filesystem::path& path, Use&& use) {
  file_reader reader(path);
  try {
    reader.check_header();
    reader.check_checksum();
    return use(reader, reader.read_layers());
  } catch (const format_error& reason) {
    throw format_error(text(path.string(), ": ", reason.what()));
  }
}

inline network read_pare(const std::filesystem::path& file) {
  return read_file(file, [](const file_reader&, network net) { return net; });
}

inline void verify_pare(const std::filesystem::path& file) {
  read_file(file, [](const file_reader& reader, const network& net) {
    const std::vector<float> output = run_sample(net, reader.input());
    for (std::size_t i = 0; i < output.size(); ++i)
      require<format_error>(result_bits(output[i]) == result_bits(reader.output()[i]), "output ", i,
                            " of the recorded input is ", output[i], " here, the file says ", reader.output()[i]);
  });
}

}  // namespace pare::detail

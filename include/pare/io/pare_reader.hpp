// Reading of the library's own files, whichever coding they have.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>

#include <pare/io/checksum.hpp>
#include <pare/io/coded_reader.hpp>
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

// Throws format_error unless the bytes begin as files of this version do.
inline coding check_prefix(std::span<const std::byte> bytes) {
  file_prefix prefix;
  require<format_error>(bytes.size() >= sizeof(coded_header), "has ", bytes.size(), " bytes, a header alone has ",
                        sizeof(coded_header));
  std::memcpy(&prefix, bytes.data(), sizeof prefix);
  require<format_error>(prefix.magic == file_prefix{}.magic, "does not begin with PARE");
  require<format_error>(prefix.version == file_version, "has version ", prefix.version, ", must be ", file_version);
  require<format_error>(prefix.coding >= coding::mapped && prefix.coding <= coding::fast, "has coding ",
                        static_cast<std::uint16_t>(prefix.coding), ", must be 1 to 3");
  return prefix.coding;
}

// A file of mapped coding, whose prefix was checked, being read. Errors below carry no file name: read_file adds it.
class mapped_reader {
 public:
  // Bytes at a multiple of 64 that live as long as their owner.
  mapped_reader(std::shared_ptr<const void> owner, std::span<const std::byte> bytes)
      : owner_(std::move(owner)), bytes_(bytes) {
    check_header();
    check_checksum();
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
  // Everything but the checksum that concerns the file as a whole.
  void check_header() {
    require<format_error>(bytes_.size() >= file_block, "has ", bytes_.size(), " bytes, a header alone has ",
                          file_block);
    std::memcpy(&header_, bytes_.data(), sizeof header_);
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

  any_layer read_layer(std::uint32_t index, payload_reader& payloads) const {
    layer_record record;
    std::memcpy(&record, bytes_.data() + (index + std::size_t{1}) * file_block, sizeof record);
    any_layer result = build(record, payloads);
    const layer_record expected = record_of(result);
    require<format_error>(std::memcmp(&record, &expected, sizeof record) == 0,
                          "its record has a field that must be zero and is not, or is not 0 or 1 and must be");
    return result;
  }

  // Takes what a record says that its layer has.
  any_layer build(const layer_record& record, payload_reader& payloads) const {
    packed_matrix weights;
    std::span<const float> first, second;
    if (record.kind == layer_kind::linear) {
      weights = take_weights(record, payloads);
      first = payloads.take_floats(record.outputs);
    } else if (record.kind == layer_kind::normalization) {
      first = payloads.take_floats(record.inputs);
      if (record.type != 0) second = payloads.take_floats(record.inputs);
    }
    return layer_of(record, std::move(weights), first, second);
  }

  packed_matrix take_weights(const layer_record& record, payload_reader& payloads) const {
    constexpr std::uint64_t most = std::uint64_t{1} << 31;
    for (const std::uint64_t size : {record.outputs, record.inputs, record.group_size})
      require<format_error>(size >= 1 && size <= most, "the matrix is ", record.outputs, " x ", record.inputs,
                            " in groups of ", record.group_size, ", each must be 1 to 2^31");
    return {static_cast<index_t>(record.outputs), static_cast<index_t>(record.inputs), format_of(record),
            buffer(owner_, payloads.take(record.weight_bytes))};
  }

  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
  file_header header_;
  std::span<const float> input_;
  std::span<const float> output_;
};

inline network read_network(std::shared_ptr<const void> owner, std::span<const std::byte> bytes) {
  if (check_prefix(bytes) == coding::mapped) return mapped_reader(std::move(owner), bytes).read_layers();
  return decode_file(bytes).net;
}

inline network read_pare(const std::string& file) {
  return read_file(file, [](auto owner, auto bytes) { return read_network(std::move(owner), bytes); });
}

// Mapped coding is used where it lies, so that its bytes are copied to where they live on and are aligned.
inline network read_pare(std::span<const std::byte> bytes) {
  if (check_prefix(bytes) != coding::mapped) return read_network(nullptr, bytes);
  buffer_writer copy(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.data());
  const auto owner = std::make_shared<const buffer>(std::move(copy).finish());
  return read_network(owner, owner->bytes());
}

inline std::vector<float> input_of_pare(const std::string& file) {
  return read_file(file, [](auto owner, auto bytes) {
    if (check_prefix(bytes) != coding::mapped) return decode_file(bytes).input;
    mapped_reader reader(std::move(owner), bytes);
    reader.read_layers();
    return std::vector<float>(reader.input().begin(), reader.input().end());
  });
}

inline void verify_mapped(std::shared_ptr<const void> owner, std::span<const std::byte> bytes) {
  mapped_reader reader(std::move(owner), bytes);
  const network net = reader.read_layers();
  const std::vector<float> output = run_sample(net, reader.input());
  for (std::size_t i = 0; i < output.size(); ++i)
    require<format_error>(result_bits(output[i]) == result_bits(reader.output()[i]), "output ", i,
                          " of the recorded input is ", output[i], " here, the file says ", reader.output()[i]);
}

inline void verify_coded(std::span<const std::byte> bytes) {
  decoded_file file = decode_file(bytes);
  if (file.input.empty()) file.input = drawn_sample(file.net.inputs());
  const std::uint32_t hash = output_hash(run_sample(file.net, file.input));
  require<format_error>(hash == file.output, "the output of the recorded input has the hash ", hash,
                        " here, the file says ", file.output);
}

inline void verify_pare(const std::string& file) {
  read_file(file, [](auto owner, auto bytes) {
    if (check_prefix(bytes) == coding::mapped) return verify_mapped(std::move(owner), bytes);
    verify_coded(bytes);
  });
}

}  // namespace pare::detail

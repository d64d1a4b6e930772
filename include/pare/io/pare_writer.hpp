// Writing of the library's own files, in whichever coding.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include <pare/io/atomic_file.hpp>
#include <pare/io/checksum.hpp>
#include <pare/io/coded_writer.hpp>
#include <pare/io/pare_format.hpp>
#include <pare/io/pare_sample.hpp>

namespace pare::detail {

inline std::vector<float> sample_for(const network& net, std::span<const float> wanted) {
  if (wanted.empty()) return drawn_sample(net.inputs());
  require<shape_error>(static_cast<index_t>(wanted.size()) == net.inputs(), "the sample has ", wanted.size(),
                       " elements, the network has ", net.inputs(), " inputs");
  require_finite(as_matrix(wanted), "sample");
  return {wanted.begin(), wanted.end()};
}

// Header and records; the checksum is left zero.
inline std::vector<std::byte> head_of(const network& net, const std::vector<std::span<const std::byte>>& payloads) {
  file_header header;
  header.inputs = static_cast<std::uint64_t>(net.inputs());
  header.layers = static_cast<std::uint32_t>(net.layers().size());
  std::vector<std::byte> head((net.layers().size() + 1) * file_block);
  header.length = head.size();
  for (const auto payload : payloads) header.length += padded(payload.size());
  require_modest_residuals<value_error>(net, header.length);
  std::memcpy(head.data(), &header, sizeof header);
  std::byte* out = head.data() + file_block;
  for (const any_layer& l : net.layers()) {
    const layer_record record = record_of(l);
    std::memcpy(out, &record, sizeof record);
    out += sizeof record;
  }
  return head;
}

// Calls write(bytes) for the parts of a mapped file, in their order.
template <class Write>
void write_mapped(const network& net, std::span<const float> input, std::span<const float> output, Write&& write) {
  std::vector<std::span<const std::byte>> payloads;
  for (const any_layer& l : net.layers())
    for (const auto payload : payloads_of(l)) payloads.push_back(payload);
  payloads.push_back(std::as_bytes(input));
  payloads.push_back(std::as_bytes(output));

  std::vector<std::byte> head = head_of(net, payloads);
  checksum sum;
  sum.add(head);
  for (const auto payload : payloads) sum.add(payload);
  const std::uint64_t value = sum.value();
  std::memcpy(head.data() + offsetof(file_header, checksum), &value, sizeof value);

  write(std::span<const std::byte>(head));
  constexpr std::array<std::byte, file_block> zeros{};
  for (const auto payload : payloads) {
    write(payload);
    write(std::span(zeros).first(static_cast<std::size_t>(padded(payload.size()) - payload.size())));
  }
}

// Calls write(bytes) for the parts of a file, once there is nothing left that may be refused.
template <std::same_as<network> Network, class Write>
void write_network(const Network& net, const save_options& options, Write&& write) {
  require<value_error>(net.layers().size() <= max_file_layers, "has ", net.layers().size(),
                       " layers, a file holds at most ", max_file_layers);
  require<value_error>(options.coding >= coding::mapped && options.coding <= coding::fast, "coding is ",
                       static_cast<std::uint16_t>(options.coding), ", must be 1 to 3");
  const std::vector<float> input = sample_for(net, options.sample);
  const std::vector<float> output = run_sample(net, input);
  if (options.coding == coding::mapped) return write_mapped(net, input, output, write);
  const auto file = encode_network(net, options.coding, options.sample, output_hash(output));
  write(std::span<const std::byte>(file));
}

template <std::same_as<network> Network>
void write_pare(const Network& net, const std::string& file, const save_options& options) {
  std::optional<atomic_file> out;
  write_network(net, options, [&](std::span<const std::byte> bytes) {
    if (!out) out.emplace(file);
    out->write(bytes);
  });
  out->commit();
}

template <std::same_as<network> Network>
std::vector<std::byte> encode_pare(const Network& net, const save_options& options) {
  std::vector<std::byte> file;
  write_network(net, options,
                [&](std::span<const std::byte> bytes) { file.insert(file.end(), bytes.begin(), bytes.end()); });
  return file;
}

// The output is as long whatever it is, so that the network need not run.
template <std::same_as<network> Network>
std::size_t size_of_coded(const Network& net, coding how) {
  if (how != coding::mapped) return encode_network(net, how, {}, 0).size();
  return encode_pare(net, {.coding = how}).size();
}

}  // namespace pare::detail

// Writing of the library's own files.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include <pare/io/atomic_file.hpp>
#include <pare/io/checksum.hpp>
#include <pare/io/pare_format.hpp>
#include <pare/io/pare_sample.hpp>
#include <pare/train/random.hpp>

namespace pare::detail {

inline std::vector<float> sample_for(const network& net, std::span<const float> wanted) {
  if (wanted.empty()) {
    std::vector<float> sample(static_cast<std::size_t>(net.inputs()));
    random numbers(0);
    for (float& value : sample) value = numbers.unit() * 2 - 1;
    return sample;
  }
  require<shape_error>(static_cast<index_t>(wanted.size()) == net.inputs(), "the sample has ", wanted.size(),
                       " elements, the network has ", net.inputs(), " inputs");
  require_finite(as_matrix(wanted), "sample");
  return {wanted.begin(), wanted.end()};
}

// Header and records; the checksum is left zero.
inline std::vector<std::byte> head_of(const network& net, std::span<const std::span<const std::byte>> payloads) {
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

inline void write_pare(const network& net, const std::filesystem::path& file, const save_options& options) {
  require<value_error>(net.layers().size() <= max_file_layers, "has ", net.layers().size(),
                       " layers, a file holds at most ", max_file_layers);
  const std::vector<float> input = sample_for(net, options.sample);
  const std::vector<float> output = run_sample(net, input);
  std::vector<std::span<const std::byte>> payloads;
  for (const any_layer& l : net.layers())
    for (const auto payload : payloads_of(l)) payloads.push_back(payload);
  payloads.push_back(std::as_bytes(std::span(input)));
  payloads.push_back(std::as_bytes(std::span(output)));

  std::vector<std::byte> head = head_of(net, payloads);
  checksum sum;
  sum.add(head);
  for (const auto payload : payloads) sum.add(payload);
  const std::uint64_t value = sum.value();
  std::memcpy(head.data() + offsetof(file_header, checksum), &value, sizeof value);

  atomic_file out(file);
  out.write(head);
  constexpr std::array<std::byte, file_block> zeros{};
  for (const auto payload : payloads) {
    out.write(payload);
    out.write(std::span(zeros).first(static_cast<std::size_t>(padded(payload.size()) - payload.size())));
  }
  out.commit();
}

}  // namespace pare::detail

// The library's own files: a compressed network, either stored as it lies in memory and used where it is mapped, or
// coded in fewer bytes. docs/file-format.md describes every bit.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <pare/io/coding.hpp>
#include <pare/nn/network.hpp>

namespace pare {

// Those that write are templates so that they are compiled only where they are used.

// Writes a network to a file that appears whole or not at all; one that is there is replaced. The same network, sample
// and coding always give the same bytes. Throws shape_error unless the sample has the network's inputs, value_error for
// a sample that is not finite, more than 16384 layers, residuals that save 64 times the file's length, and where it is
// coded more cells of matrices than 4096 times the file's length and 2^20; io_error for what the operating system
// refuses.
template <std::same_as<network> Network>
void save(const Network& net, const std::string& file, const save_options& options = {});

// The bytes that `save` would write.
template <std::same_as<network> Network>
std::vector<std::byte> encode(const Network& net, const save_options& options = {});

// How many bytes `save` would write, without running the network: for searches that fill a budget.
template <std::same_as<network> Network>
std::size_t coded_size(const Network& net, coding how);

// Reads a network in whichever coding. With mapped coding its weights stay in the mapped file, shared by everyone who
// maps it; it must not be written over as long as the network lives (saving to it is fine: that puts a new file in its
// place). Throws io_error for a file that cannot be read and format_error for one that is damaged or not of the
// format. O(bytes), for the checksum; O(weights) where it is coded.
network load(const std::string& file);

// The same from the bytes of a file, which are not needed any more when it returns.
network load(std::span<const std::byte> file);

// The input [inputs] that was given to `save`; of a coded file empty if none was. With it, and its coding, a network
// that was loaded from the file is saved as the same bytes again. Throws what load throws.
std::vector<float> recorded_input(const std::string& file);

// Loads a file, runs the network on the recorded input and compares every output with the recorded one, bit by bit; of
// a coded file a hash of them. Throws format_error naming what differs, and whatever load throws.
void verify(const std::string& file);

namespace detail::library {

// The functions of pare_writer.hpp and pare_reader.hpp that are called below, in the library pare::kernels.
void write_pare(const network& net, const std::string& file, const save_options& options);
std::vector<std::byte> encode_pare(const network& net, const save_options& options);
std::size_t size_of_coded(const network& net, coding how);
network read_pare(const std::string& file);
network read_pare(std::span<const std::byte> file);
std::vector<float> input_of_pare(const std::string& file);
void verify_pare(const std::string& file);

}  // namespace detail::library
}  // namespace pare

#if defined(PARE_KERNELS_COMPILED)
namespace pare::detail {
namespace file_code = library;
}
#else
#include <pare/io/pare_reader.hpp>
#include <pare/io/pare_writer.hpp>
namespace pare::detail {
namespace file_code = pare::detail;
}
#endif

namespace pare {

template <std::same_as<network> Network>
void save(const Network& net, const std::string& file, const save_options& options) {
  detail::file_code::write_pare(net, file, options);
}
template <std::same_as<network> Network>
std::vector<std::byte> encode(const Network& net, const save_options& options) {
  return detail::file_code::encode_pare(net, options);
}
template <std::same_as<network> Network>
std::size_t coded_size(const Network& net, coding how) {
  return detail::file_code::size_of_coded(net, how);
}
inline network load(const std::string& file) { return detail::file_code::read_pare(file); }
inline network load(std::span<const std::byte> file) { return detail::file_code::read_pare(file); }
inline std::vector<float> recorded_input(const std::string& file) { return detail::file_code::input_of_pare(file); }
inline void verify(const std::string& file) { detail::file_code::verify_pare(file); }

}  // namespace pare

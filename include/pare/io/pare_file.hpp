// The library's own files: a compressed network, stored as it lies in memory and used where it is mapped.
// docs/file-format.md describes every bit.
#pragma once

#include <filesystem>

#include <pare/io/pare_sample.hpp>

namespace pare {

// Writes a network to a file that appears whole or not at all; one that is there is replaced. The same network and
// sample always give the same bytes. Throws shape_error unless the sample has the network's inputs, value_error for a
// sample that is not finite, more than 16384 layers or residuals that save 64 times the file's length, io_error for
// what the operating system refuses.
void save(const network& net, const std::filesystem::path& file, const save_options& options = {});

// Reads a network whose weights stay in the mapped file, shared by everyone who maps it; it must not be written over as
// long as the network lives (saving to it is fine: that puts a new file in its place). Throws io_error for a file that
// cannot be read and format_error for one that is not exactly as `save` writes it. O(bytes), for the checksum.
network load(const std::filesystem::path& file);

// Loads a file, runs the network on the recorded input and compares every output with the recorded one, bit by bit.
// Throws format_error naming the first that differs, and whatever load throws.
void verify(const std::filesystem::path& file);

namespace detail {

// The same, in the library pare::kernels.
void compiled_save(const network& net, const std::filesystem::path& file, const save_options& options);
network compiled_load(const std::filesystem::path& file);
void compiled_verify(const std::filesystem::path& file);

}  // namespace detail
}  // namespace pare

#if !defined(PARE_KERNELS_COMPILED)
#include <pare/io/pare_reader.hpp>
#include <pare/io/pare_writer.hpp>
#endif

namespace pare {

#if defined(PARE_KERNELS_COMPILED)

inline void save(const network& net, const std::filesystem::path& file, const save_options& options) {
  detail::compiled_save(net, file, options);
}
inline network load(const std::filesystem::path& file) { return detail::compiled_load(file); }
inline void verify(const std::filesystem::path& file) { detail::compiled_verify(file); }

#else

inline void save(const network& net, const std::filesystem::path& file, const save_options& options) {
  detail::write_pare(net, file, options);
}
inline network load(const std::filesystem::path& file) { return detail::read_pare(file); }
inline void verify(const std::filesystem::path& file) { detail::verify_pare(file); }

#endif

}  // namespace pare

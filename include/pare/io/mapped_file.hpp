// A file as read-only memory: nothing is copied, pages are read when they are looked at.
#pragma once

#include <sys/mman.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>

#include <pare/io/file_descriptor.hpp>

namespace pare::detail {

// The bytes lie at a page boundary. They must not change, nor the file shrink, while it is mapped: replace a file by
// renaming, as `save` does, never by writing over it.
class mapped_file {
 public:
  // Throws io_error for what cannot be opened or is not a regular file.
  explicit mapped_file(const std::string& path) {
    // Without O_NONBLOCK opening a named pipe waits for a writer.
    const file_descriptor file(path, O_RDONLY | O_NONBLOCK);
    require_done(bool(file), path, "cannot be opened");
    struct stat status {};
    require_done(::fstat(file.number(), &status) == 0, path, "cannot be read");
    require<io_error>(S_ISREG(status.st_mode), path, ": is not a regular file");
    const auto size = static_cast<std::uint64_t>(status.st_size);
    require<io_error>(size <= std::numeric_limits<std::size_t>::max() / 2, path, ": has ", size,
                      " bytes, more than memory can hold");
    if (size == 0) return;
    void* memory = ::mmap(nullptr, static_cast<std::size_t>(size), PROT_READ, MAP_PRIVATE, file.number(), 0);
    require_done(memory != MAP_FAILED, path, "cannot be mapped");
    bytes_ = {static_cast<const std::byte*>(memory), static_cast<std::size_t>(size)};
  }
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;
  ~mapped_file() {
    if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }

  std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

// Calls read(owner, bytes) with a mapped file, whose name it adds to errors.
template <class Read>
auto read_file(const std::string& path, Read&& read) {
  const auto file = std::make_shared<const mapped_file>(path);
  try {
    return read(file, file->bytes());
  } catch (const format_error& reason) {
    throw format_error(text(path, ": ", reason.what()));
  }
}

}  // namespace pare::detail

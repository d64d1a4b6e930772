// What all fuzz targets share: a limit on memory, and files that readers open by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

#include <unistd.h>

#include <sanitizer/allocator_interface.h>

namespace fuzz {

// Reading a hostile file may take so much memory at a time.
constexpr std::size_t most_memory(std::size_t file_bytes) { return 32 * file_bytes + (std::size_t{16} << 20); }

// While there is one, the process ends once more than so many bytes are held that were allocated meanwhile.
class memory_limit {
 public:
  explicit memory_limit(std::size_t bytes) {
    [[maybe_unused]] static const int installed = __sanitizer_install_malloc_and_free_hooks(allocated, freed);
    held = 0;
    most = static_cast<std::ptrdiff_t>(bytes);
  }
  memory_limit(const memory_limit&) = delete;
  memory_limit& operator=(const memory_limit&) = delete;
  ~memory_limit() { most = 0; }

 private:
  static void allocated(const volatile void*, std::size_t bytes) {
    if (most == 0) return;
    held += static_cast<std::ptrdiff_t>(bytes);
    if (held <= most) return;
    std::fprintf(stderr, "%td bytes are held, must be at most %td\n", held, most);
    std::abort();
  }
  static void freed(const volatile void* memory) {
    if (most != 0) held -= static_cast<std::ptrdiff_t>(__sanitizer_get_allocated_size(const_cast<void*>(memory)));
  }

  static inline std::ptrdiff_t held = 0;  // less than nothing if older memory was freed
  static inline std::ptrdiff_t most = 0;  // 0 is no limit
};

// The bytes as a file, in memory where that is possible, that is gone at the end of the scope. A process has one of a
// name.
class scratch_file {
 public:
  scratch_file(std::span<const std::uint8_t> bytes, const std::string& name) {
    const std::filesystem::path memory = "/dev/shm";
    const bool fast = access(memory.c_str(), W_OK | X_OK) == 0;
    path_ = (fast ? memory : std::filesystem::temp_directory_path()) /
            ("pare_fuzz_" + std::to_string(getpid()) + '_' + name);
    std::ofstream(path_, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;
  ~scratch_file() { ::unlink(path_.c_str()); }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The bytes of a file.
inline std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace fuzz

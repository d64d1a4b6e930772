// Aligned bytes that are shared once they are written: owned memory, or somebody else's kept alive.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace pare {

// Every vector load of a panel is aligned to this.
inline constexpr std::size_t buffer_alignment = 64;

// Immutable bytes with shared ownership; copies are cheap and share. A mapped file is a buffer too.
class buffer {
 public:
  buffer() = default;

  // Bytes that live as long as `owner` does.
  buffer(std::shared_ptr<const void> owner, std::span<const std::byte> bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}

  const std::byte* data() const noexcept { return bytes_.data(); }
  std::size_t size() const noexcept { return bytes_.size(); }
  std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

namespace detail {

// Memory large enough to be worth a page of 2 MiB is aligned to one and asks for it: one packed stream reads a fifth
// faster from huge pages.
inline constexpr std::size_t huge_page = std::size_t{2} << 20;

struct aligned_delete {
  std::align_val_t alignment;
  void operator()(void* memory) const { ::operator delete(memory, alignment); }
};

using aligned_memory = std::unique_ptr<void, aligned_delete>;

// Zeroed memory, aligned for vector loads. Throws std::bad_alloc.
inline aligned_memory allocate_bytes(std::size_t bytes) {
  if (bytes > static_cast<std::size_t>(-1) / 2) throw std::bad_alloc();
  const std::align_val_t alignment{bytes >= huge_page ? huge_page : buffer_alignment};
  void* memory = ::operator new(bytes, alignment);
#if defined(__linux__)
  if (bytes >= huge_page) madvise(memory, bytes, MADV_HUGEPAGE);  // a wish: failure changes nothing
#endif
  std::memset(memory, 0, bytes);
  return {memory, aligned_delete{alignment}};
}

// Such memory for `count` elements of a trivial type; none without a count. One owner serves all types, which keeps
// compile times down.
template <class T>
class aligned_array {
 public:
  aligned_array() = default;
  explicit aligned_array(std::size_t count) {
    if (count > static_cast<std::size_t>(-1) / sizeof(T)) throw std::bad_array_new_length();
    memory_ = allocate_bytes(count * sizeof(T));
  }

  T* get() const noexcept { return static_cast<T*>(memory_.get()); }

 private:
  aligned_memory memory_;
};

// Bytes being written, that then become a buffer.
class buffer_writer {
 public:
  explicit buffer_writer(std::size_t size) : memory_(allocate_bytes(size)), size_(size) {}

  std::byte* data() noexcept { return static_cast<std::byte*>(memory_.get()); }
  buffer finish() && {
    const std::span<const std::byte> view(data(), size_);
    return {std::shared_ptr<const void>(std::move(memory_)), view};
  }

 private:
  aligned_memory memory_;
  std::size_t size_;
};

}  // namespace detail
}  // namespace pare

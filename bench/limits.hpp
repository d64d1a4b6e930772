// What the machine gives at most, measured beside the kernels that are compared with it.
#pragma once

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include <pare/kernels/contract.hpp>
#include <pare/kernels/intrinsics.hpp>
#include <pare/kernels/isa.hpp>
#include <pare/tensor/executor.hpp>

namespace bench {

namespace peaks {

using pare::index_t;
using pare::instruction_set;
using pare::detail::expand_table;

struct peak_table {
  std::int32_t (*sum_products)(index_t rounds, const std::byte* codes, const std::int8_t* x);
  int steps_per_round;
  std::int32_t (*sum_wide_products)(index_t rounds, const std::byte* codes, const std::int8_t* x);
  int wide_steps_per_round;
  float (*multiply_add)(index_t rounds, const float* weights, const float* x);
  int vectors_per_round;
  std::int32_t (*read[3])(const std::byte* begin, const std::byte* end);  // by way_to_read
};

#define PARE_EVERY_SUM "peaks.inl"
#include <pare/kernels/every_set.inl>
#undef PARE_EVERY_SUM

}  // namespace peaks

inline const peaks::peak_table& active_peaks() { return peaks::kernels_of(pare::active_instruction_set()); }

// Keeps the compiler from dropping what computes a value.
template <class T>
void use(const T& value) {
  __asm__ volatile("" : : "g"(&value) : "memory");
}

// Sums of products of unsigned codes, of 4 bits or wide ones of 8, and signed bytes: 2 · 64 operations a step.
template <bool Wide>
struct product_probe {
  static constexpr pare::index_t rounds = 4096;

  static double operations() {
    return 2.0 * 64 * rounds * (Wide ? active_peaks().wide_steps_per_round : active_peaks().steps_per_round);
  }
  void operator()() const {
    const auto sum = Wide ? active_peaks().sum_wide_products : active_peaks().sum_products;
    use(sum(rounds, codes, x));
  }

  alignas(64) std::byte codes[64] = {};
  alignas(64) std::int8_t x[64] = {};
};

// Fused multiply-adds of floats: 2 · 16 operations a vector.
struct multiply_add_probe {
  static constexpr pare::index_t rounds = 8192;

  static double operations() { return 2.0 * 16 * active_peaks().vectors_per_round * rounds; }
  void operator()() const { use(active_peaks().multiply_add(rounds, weights, x)); }

  alignas(64) float weights[16] = {};
  alignas(64) float x[16] = {};
};

enum class pages { small, huge };

// Which is the fastest depends on the machine, so that the limit is the best of them.
enum class way_to_read { prefetching, one_stream, four_streams };
inline constexpr std::array ways_to_read = {way_to_read::prefetching, way_to_read::one_stream,
                                            way_to_read::four_streams};
inline const char* name(way_to_read way) {
  constexpr std::array names = {"one stream, prefetching", "one stream", "four streams"};
  return names[static_cast<std::size_t>(way)];
}

// Reads memory, each thread a part of it.
class read_probe {
 public:
  // Throws std::bad_alloc.
  read_probe(std::size_t bytes, pages of) : bytes_(bytes / part * part), memory_(allocate(bytes_ + slack, of)) {
    std::memset(memory_.get(), 1, bytes_ + slack);
  }

  double bytes() const { return static_cast<double>(bytes_); }

  void read(way_to_read way, pare::executor* threads = nullptr) const {
    const auto read_part = active_peaks().read[static_cast<std::size_t>(way)];
    if (threads == nullptr) return use(read_part(memory_.get(), memory_.get() + bytes_));
    const int tasks = threads->threads();
    threads->for_each(tasks, [&](int task) {
      const auto cut = [&](int at) {
        return memory_.get() + bytes_ / part * static_cast<std::size_t>(at) / static_cast<std::size_t>(tasks) * part;
      };
      use(read_part(cut(task), cut(task + 1)));
    });
  }

 private:
  static constexpr std::size_t part = 2048;
  static constexpr std::size_t slack = 8192;  // prefetched beyond the end

  struct free_memory {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  static std::unique_ptr<std::byte, free_memory> allocate(std::size_t bytes, pages of) {
    constexpr std::size_t huge_page = std::size_t{2} << 20;
    void* memory = std::aligned_alloc(huge_page, (bytes + huge_page - 1) / huge_page * huge_page);
    if (memory == nullptr) throw std::bad_alloc();
#if defined(__linux__)
    madvise(memory, bytes, of == pages::huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#else
    static_cast<void>(of);  // pages are as the system gives them
#endif
    return std::unique_ptr<std::byte, free_memory>(static_cast<std::byte*>(memory));
  }

  std::size_t bytes_;
  std::unique_ptr<std::byte, free_memory> memory_;
};

}  // namespace bench

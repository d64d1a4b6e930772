// That run allocates nothing, and the counting of allocations that other tests use too.
#include "allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

#include "catch.hpp"
#include "networks.hpp"

namespace {

std::atomic<std::size_t> allocation_count{0};
std::atomic<std::size_t> largest_allocation{0};

[[maybe_unused]] void count_allocation(std::size_t size) {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  std::size_t largest = largest_allocation.load(std::memory_order_relaxed);
  while (size > largest && !largest_allocation.compare_exchange_weak(largest, size)) {
  }
}

[[maybe_unused]] void* counted(void* memory, std::size_t size) {
  if (memory == nullptr) throw std::bad_alloc();
  count_allocation(size);
  return memory;
}

}  // namespace

allocations allocations_so_far() { return {allocation_count, largest_allocation}; }
void forget_allocations() { allocation_count = largest_allocation = 0; }

#if PARE_COUNTS_ALLOCATIONS

// The array and sized forms end up here.
[[gnu::noinline]] void* operator new(std::size_t size) { return counted(std::malloc(size > 0 ? size : 1), size); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto a = static_cast<std::size_t>(alignment);
  return counted(std::aligned_alloc(a, (size + a - 1) / a * a + (size == 0 ? a : 0)), size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

#if defined(__GLIBC__)
// Eigen allocates by malloc.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);

void* malloc(std::size_t size) noexcept {
  count_allocation(size);
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
  count_allocation(count * size);
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) noexcept {
  count_allocation(size);
  return __libc_realloc(memory, size);
}
}
#endif

#endif

// A compiler that sees malloc and free side by side may drop both.
static void* (*volatile opaque_malloc)(std::size_t) = std::malloc;

TEST_CASE("run allocates nothing, whatever the network is made of") {
  if (!allocations::counted) {
    WARN("skipped: allocations are not counted under sanitizers");
    return;
  }
  REQUIRE(allocations_of([] { ::operator delete(::operator new(1)); }).count > 0);
  REQUIRE(allocations_of([] { std::free(opaque_malloc(1)); }).count > 0);
  REQUIRE(allocations_of([] { Eigen::MatrixXf(3, 3).setZero(); }).count > 0);
  const auto check = [](const pare::network& net) {
    const Eigen::MatrixXf x = gaussian(net.inputs(), 6, 1);
    const Eigen::MatrixXd wide = x.cast<double>();
    Eigen::MatrixXf y(net.outputs(), 6);
    Eigen::MatrixXd wide_y(net.outputs(), 6);
    pare::workspace room = net.workspace(6);
    pare::serial_executor serial;
    CHECK(allocations_of([&] { net.run(x, y, room); }).count == 0);
    CHECK(allocations_of([&] { net.run(wide, wide_y, room); }).count == 0);
    CHECK(allocations_of([&] { net.run(x.leftCols(1), y.leftCols(1), room, &serial); }).count == 0);
  };
  for (const pare::precision inputs : {pare::precision::int8, pare::precision::float32}) {
    check(every_layer(inputs));
    for (const stored_weights& stored : every_storage(half_zero(19, 37, 1))) {
      INFO(stored.name);
      pare::network net(37);
      net.add(pare::linear(stored.weights, inputs));
      check(net);
    }
  }
}

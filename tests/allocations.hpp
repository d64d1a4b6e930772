// Counts what the program allocates: operator new in all its forms and, with glibc, malloc and its relatives.
// Defined in allocation_test.cpp.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PARE_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define PARE_COUNTS_ALLOCATIONS 0
#endif
#endif
// Sanitizers bring allocators of their own, which would lose what they check.
#ifndef PARE_COUNTS_ALLOCATIONS
#define PARE_COUNTS_ALLOCATIONS 1
#endif

struct allocations {
  static inline constexpr bool counted = PARE_COUNTS_ALLOCATIONS;
  std::size_t count = 0;
  std::size_t largest = 0;  // bytes
};

// What `call` allocated, in all threads.
template <class Call>
allocations allocations_of(Call&& call);

allocations allocations_so_far();
void forget_allocations();

template <class Call>
allocations allocations_of(Call&& call) {
  forget_allocations();
  call();
  return allocations_so_far();
}

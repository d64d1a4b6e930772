// Matrices that come from memory: more copies of one than the caches hold, taken in turn.
#pragma once

#include <cstddef>
#include <vector>

namespace bench {

// So many bytes come from memory each time, whatever the caches of the machine.
inline constexpr std::size_t more_than_caches = std::size_t{288} << 20;

// Copies in turn, so many that they are `least_bytes` in all; 0 for one that stays in the caches.
template <class Matrix>
class rotated {
 public:
  template <class Copy>
  rotated(std::size_t bytes_each, std::size_t least_bytes, Copy&& copy) {
    do {
      matrices_.push_back(copy());
    } while (matrices_.size() * bytes_each < least_bytes);
  }

  Matrix& next() {
    next_ = next_ + 1 == matrices_.size() ? 0 : next_ + 1;
    return matrices_[next_];
  }

 private:
  std::vector<Matrix> matrices_;
  std::size_t next_ = 0;
};

}  // namespace bench

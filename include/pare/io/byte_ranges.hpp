// Parts of a file that must not overlap, checked one by one as they are found.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>

#include <pare/tensor/error.hpp>

namespace pare::detail {

// So that a file which names the same bytes millions of times is refused at the second.
class byte_ranges {
 public:
  // Throws format_error if [begin, end) overlaps one that was added before. O(log n).
  void add(std::uint64_t begin, std::uint64_t end) {
    if (begin >= end) return;
    const auto next = ends_.lower_bound(begin);
    const auto check = [](std::uint64_t at, std::uint64_t end_before) {
      require<format_error>(at >= end_before, "a tensor begins at ", at, ", the one before it ends at ", end_before);
    };
    if (next != ends_.begin()) check(begin, std::prev(next)->second);
    if (next != ends_.end()) check(next->first, end);
    ends_.emplace_hint(next, begin, end);
  }

 private:
  std::map<std::uint64_t, std::uint64_t> ends_;  // by where they begin
};

}  // namespace pare::detail

// Ranges of the steps of a panel, and what visits them.
#pragma once

#include <cstddef>

#include <pare/storage/panel.hpp>

namespace pare::detail {

// Steps [begin, end).
struct step_range {
  index_t begin, end;
};

// Refers to a function object that is called with a range of steps and where their values lie.
class step_visitor {
 public:
  template <class Visit>
  explicit step_visitor(const Visit& visit)
      : object_(&visit), call_([](const void* object, step_range range, const std::byte* values) {
          (*static_cast<const Visit*>(object))(range, values);
        }) {}

  void operator()(step_range range, const std::byte* values) const { call_(object_, range, values); }

 private:
  const void* object_;
  void (*call_)(const void*, step_range, const std::byte*);
};

}  // namespace pare::detail

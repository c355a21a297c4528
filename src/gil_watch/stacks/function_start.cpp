// Asks the C++ runtime's unwinder.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/stacks/function_start.hpp"

#include "gil_watch/stacks/library_walk.hpp"
#include <link.h>
#include <unwind.h>

namespace freshframe::gil {

// The unwinder reads the tables in the library's memory, which dlclose() on another thread unmaps. dlclose()
// waits while dl_iterate_phdr() runs.
std::uintptr_t function_start(std::uintptr_t address) {
  struct Question {
    std::uintptr_t address;
    std::uintptr_t start;
  } question{address, 0};
  walk_libraries(
      [](dl_phdr_info* /*info*/, std::size_t /*size*/, void* data) {
        auto& asked = *static_cast<Question*>(data);
        void* const inside = reinterpret_cast<void*>(asked.address + 1);  // NOLINT(performance-no-int-to-ptr)
        asked.start = reinterpret_cast<std::uintptr_t>(_Unwind_FindEnclosingFunction(inside));
        return 1;  // one call is enough
      },
      &question);
  return question.start;
}

}  // namespace freshframe::gil

// Walks over the loaded libraries, for which a fork waits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/forks.hpp"

#include <mutex>

#include <link.h>

namespace freshframe::gil {

/// A fork waits until no walk is under way. glibc's own lock of the list of libraries is not renewed in a
/// child: one that is forked during a walk would wait for ever when it loads a library.
struct LibraryWalk {
  std::mutex mutex;
  forks::Hold<std::mutex> hold{mutex};
};

/// Walks like dl_iterate_phdr(). `each` must lock nothing and must not call this function.
inline int walk_libraries(int (*each)(dl_phdr_info*, std::size_t, void*), void* data) {
  const std::lock_guard lock(forks::ProcessWide<LibraryWalk>::get().mutex);
  return ::dl_iterate_phdr(each, data);
}

}  // namespace freshframe::gil

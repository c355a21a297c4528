// Maps addresses to libraries and to the start of functions.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/stacks/libraries.hpp"

#include "freshframe/forks.hpp"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <string_view>

#include <link.h>
#include <unistd.h>
#include <unwind.h>

namespace freshframe::gil {

namespace {

/// Delays a fork until no walk is in progress. glibc does not reset the lock of its library list in the
/// child, so a child forked during a walk would deadlock when it loads a library.
struct LibraryWalk {
  std::mutex mutex;
  forks::Hold<std::mutex> hold{mutex};
};

/// Same as dl_iterate_phdr(), but safe with fork(). `each` must not lock anything or call this function.
inline int walk_libraries(int (*each)(dl_phdr_info*, std::size_t, void*), void* data) {
  const std::lock_guard lock(forks::ProcessWide<LibraryWalk>::get().mutex);
  return ::dl_iterate_phdr(each, data);
}

std::string absolute(const char* path) {
  const std::unique_ptr<char, decltype(&std::free)> found(::realpath(path, nullptr), &std::free);
  return found != nullptr ? found.get() : path;
}

// The main program has no name in the list, and a path given to dlopen() may be relative.
std::string path_of(const dl_phdr_info& info) {
  const std::string_view name = info.dlpi_name;
  if (name.empty()) return absolute("/proc/self/exe");
  return name.starts_with('/') || name.find('/') == std::string_view::npos ? std::string(name)
                                                                           : absolute(info.dlpi_name);
}

Library described(const dl_phdr_info& info) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  Library library{.base = info.dlpi_addr, .begin = UINTPTR_MAX, .end = 0, .path = path_of(info)};
  for (ElfW(Half) i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr) & part = info.dlpi_phdr[i];
    if (part.p_type != PT_LOAD) continue;
    const std::uintptr_t begin = info.dlpi_addr + part.p_vaddr;
    library.begin = std::min(library.begin, begin / page * page);
    library.end = std::max(library.end, (begin + part.p_memsz + page - 1) / page * page);
  }
  return library;
}

}  // namespace

const Library* Libraries::at(std::uintptr_t address) const {
  const auto found = std::ranges::find_if(
      all, [&](const Library& library) { return address >= library.begin && address < library.end; });
  return found != all.end() ? &*found : nullptr;
}

std::shared_ptr<const Libraries> loaded_libraries(const std::shared_ptr<const Libraries>& before) {
  struct Walk {
    const Libraries* before;
    std::shared_ptr<Libraries> now;
  } walk{before.get(), nullptr};
  walk_libraries(
      [](dl_phdr_info* info, std::size_t /*size*/, void* data) {
        auto& [known, now] = *static_cast<Walk*>(data);
        if (now == nullptr) {
          if (known != nullptr && known->loads == info->dlpi_adds && known->unloads == info->dlpi_subs)
            return 1;  // nothing has changed
          now = std::make_shared<Libraries>();
          now->loads = info->dlpi_adds;
          now->unloads = info->dlpi_subs;
        }
        now->all.push_back(described(*info));
        return 0;
      },
      &walk);
  if (walk.now == nullptr) return before;
  return walk.now;
}

// The tables are read inside dl_iterate_phdr(), because dlclose() on another thread waits for it before it
// unmaps them.
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
        return 1;  // stop after one call
      },
      &question);
  return question.start;
}

}  // namespace freshframe::gil

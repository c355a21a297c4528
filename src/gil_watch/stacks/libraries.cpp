// Asks the dynamic linker.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/stacks/libraries.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gil_watch/stacks/library_walk.hpp"
#include <link.h>
#include <unistd.h>

namespace freshframe::gil {
namespace {

std::string absolute(const char* path) {
  const std::unique_ptr<char, decltype(&std::free)> found(::realpath(path, nullptr), &std::free);
  return found != nullptr ? found.get() : path;
}

// The program has no name there, and the path given to dlopen() may be relative.
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

}  // namespace freshframe::gil

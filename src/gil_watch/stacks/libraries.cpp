// Asks the dynamic linker.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/stacks/libraries.hpp"

#include <algorithm>

#include <link.h>

namespace freshframe::gil {

const Library* Libraries::at(std::uintptr_t address) const {
  const auto found = std::ranges::find_if(
      all, [&](const Library& library) { return address >= library.base && address < library.end; });
  return found != all.end() ? &*found : nullptr;
}

std::shared_ptr<const Libraries> loaded_libraries(const std::shared_ptr<const Libraries>& before) {
  struct Walk {
    const Libraries* before;
    std::shared_ptr<Libraries> now;
  } walk{before.get(), nullptr};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t /*size*/, void* data) {
        auto& [known, now] = *static_cast<Walk*>(data);
        if (now == nullptr) {
          if (known != nullptr && known->loads == info->dlpi_adds && known->unloads == info->dlpi_subs)
            return 1;  // nothing has changed
          now = std::make_shared<Libraries>();
          now->loads = info->dlpi_adds;
          now->unloads = info->dlpi_subs;
        }
        Library library{.base = info->dlpi_addr, .end = 0, .path = info->dlpi_name};
        for (ElfW(Half) i = 0; i < info->dlpi_phnum; ++i) {
          const ElfW(Phdr) & part = info->dlpi_phdr[i];
          if (part.p_type == PT_LOAD)
            library.end =
                std::max<std::uintptr_t>(library.end, info->dlpi_addr + part.p_vaddr + part.p_memsz);
        }
        now->all.push_back(std::move(library));
        return 0;
      },
      &walk);
  if (walk.now == nullptr) return before;
  return walk.now;
}

}  // namespace freshframe::gil

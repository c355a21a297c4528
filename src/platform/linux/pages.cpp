// Anonymous mappings.
// SPDX-License-Identifier: Apache-2.0
#include "platform/pages.hpp"

#include <new>

#include <sys/mman.h>

namespace freshframe::platform {

Pages::Pages(std::size_t size_bytes)
    : memory_(::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
              GiveBack{size_bytes}) {
  if (memory_.get() != MAP_FAILED) return;
  static_cast<void>(memory_.release());
  throw std::bad_alloc();
}

void Pages::GiveBack::operator()(void* memory) const noexcept {
  ::munmap(memory, size_bytes);
}

}  // namespace freshframe::platform

// Locates CPython's GIL structure.
// SPDX-License-Identifier: Apache-2.0
#include "gil_watch/cpython/gil_record.hpp"

#include "gil_watch/stacks/memory.hpp"

namespace freshframe::gil {

std::uintptr_t find_gil(int minor, const void* runtime, const void* interpreter) noexcept {
  const std::size_t offset = gil_offset(minor);
  if (offset == kNoGil) return 0;
  if (minor < 12) return reinterpret_cast<std::uintptr_t>(runtime) + offset;
  std::uintptr_t gil = 0;
  read_value(reinterpret_cast<std::uintptr_t>(interpreter) + offset, gil);
  return gil;
}

}  // namespace freshframe::gil

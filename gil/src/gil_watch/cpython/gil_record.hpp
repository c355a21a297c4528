// CPython's GIL structure and its location in each version. Needs no Python headers, because a module built
// for the stable ABI uses it too.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace freshframe::gil {

/// The first fields of the GIL structure, which are the same in CPython 3.10 to 3.15 (asserted in
/// layout.cpp).
struct GilRecord {
  unsigned long interval_us;
  std::uintptr_t last_holder;  // thread state of the last holder; remains set after the release
  int locked;
  unsigned long switch_number;  // number of times that the holder has changed
};

inline constexpr std::size_t kNoGil = ~std::size_t{0};

/// Offset of the structure in CPython 3.MINOR, in bytes. Up to 3.11 it is in the runtime; from 3.12 on the
/// interpreter state has a pointer to it. layout.cpp is compiled for each version and asserts its row.
constexpr std::size_t gil_offset(int minor) noexcept {
  switch (minor) {
    case 10:
      return 352;
    case 11:
      return 360;
    case 12:
      return 384;
    case 13:
    case 14:
    case 15:
      return 16;
    default:
      return kNoGil;
  }
}

/// The address of an interpreter's GIL structure, or 0 if the version is unknown. Only reads memory.
std::uintptr_t find_gil(int minor, const void* runtime, const void* interpreter) noexcept;

}  // namespace freshframe::gil

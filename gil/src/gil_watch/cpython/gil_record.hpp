// The GIL's record, and where each CPython has it. It needs no header of Python, because a module of the stable ABI reads it too.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace freshframe::gil {

/// The GIL's record begins alike in CPython 3.10 to 3.15 (layout.cpp asserts it).
struct GilRecord {
  unsigned long interval_us;
  std::uintptr_t last_holder;  // a thread state; also after its release
  int locked;
  unsigned long switch_number;  // counts changes of the holder
};

inline constexpr std::size_t kNoGil = ~std::size_t{0};

/// Where CPython 3.MINOR has the record, in bytes. Up to 3.11 it is in the runtime, from 3.12 on a pointer to it is in
/// the interpreter's state. layout.cpp, which is compiled for each version, asserts the row of its version.
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

/// Returns the address of an interpreter's record of the GIL, or 0 if the version is unknown. It reads memory only.
std::uintptr_t find_gil(int minor, const void* runtime, const void* interpreter) noexcept;

}  // namespace freshframe::gil

// The size of a chunk, the unit of work of one thread and a leaf of the tree of partial sums.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace freshframe::numeric {

/// Part of the results' definition: another size changes the last bits of floating-point sums. Large enough
/// that the cost of adding the lanes at its end is negligible, small enough that two threads finish together.
inline constexpr std::int64_t kChunk = std::int64_t{64} * 1024;

/// Numbers that are not consecutive in memory are gathered in blocks of this size, in the first-level cache.
inline constexpr std::int64_t kGathered = 4096;

/// The distance of the prefetch ahead of the read position, in bytes. More than a page: the processor's own
/// prefetching stops at the end of a page, and so the next page's address is translated before it is needed.
inline constexpr std::uintptr_t kAhead = 6144;

/// Consecutive numbers of a chunk. `b` is used by differences only.
struct Stretch {
  const void* a = nullptr;
  const void* b = nullptr;
  std::size_t count = 0;
  bool more_follows = false;  ///< in memory, after the last number
};

}  // namespace freshframe::numeric

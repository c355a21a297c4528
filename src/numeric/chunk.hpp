// How many numbers make a chunk: what one thread takes at a time, and a leaf of the tree of partial sums.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace freshframe::numeric {

/// Part of the results' definition: another size changes last bits of floating-point sums. Large enough that
/// adding up the lanes at its end does not count, small enough that two threads finish together.
inline constexpr std::int64_t kChunk = 65536;

/// Numbers that lie in other than consecutive places are gathered by this many, in the first-level cache.
inline constexpr std::int64_t kGathered = 4096;

/// How far ahead of the reading memory is asked for, in bytes. More than a page: the processor's own
/// prefetching stops at its end, and the page's address has been looked up by the time that it is needed.
inline constexpr std::uintptr_t kAhead = 6144;

/// Consecutive numbers of a chunk. `b` is used by differences only.
struct Stretch {
  const void* a = nullptr;
  const void* b = nullptr;
  std::size_t count = 0;
  bool more_follows = false;  ///< in memory, behind the last number
};

}  // namespace freshframe::numeric

// The size of a chunk, the unit of work of one thread and a leaf of the tree of partial sums.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace freshframe::numeric {

/// Part of the definition of the result: another size changes the last bits of floating-point sums. Large
/// enough that the cost of adding the lanes at its end is negligible, small enough that two threads finish
/// together.
inline constexpr std::int64_t kChunk = std::int64_t{64} * 1024;

/// Numbers that are not consecutive in memory are gathered in blocks of this size, which fit into the L1
/// cache.
inline constexpr std::int64_t kGathered = 4096;

/// Consecutive numbers of a chunk. Only differences use `b`.
struct Stretch {
  const void* a = nullptr;
  const void* b = nullptr;
  std::size_t count = 0;
  bool more_follows = false;  ///< true if prefetching beyond the last number helps
  std::uintptr_t ahead = 0;   ///< bytes, see Note [Reading ahead] in sum.cpp
};

}  // namespace freshframe::numeric

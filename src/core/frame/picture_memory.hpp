// A source of memory for a FramePool, other than the heap.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace freshframe::core {

/// Thread-safe. Kept alive by every buffer that came from it.
class PictureMemory {
 public:
  PictureMemory() = default;
  PictureMemory(const PictureMemory&) = delete;
  PictureMemory& operator=(const PictureMemory&) = delete;
  virtual ~PictureMemory() = default;

  /// At least `bytes`, aligned to 64; nullptr: none is available now.
  [[nodiscard]] virtual std::uint8_t* allocate(std::size_t bytes) noexcept = 0;
  virtual void deallocate(std::uint8_t* memory) noexcept = 0;
};

}  // namespace freshframe::core

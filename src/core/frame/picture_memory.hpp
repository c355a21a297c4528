// The memory of pictures: how the planes lie in one piece of it, and sources other than the heap.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>

namespace freshframe::core {

/// Sets the planes of `picture`, whose format is set, one after the other in `memory`, each row aligned. The memory may
/// be null if only the sizes are needed. Returns the number of bytes. Throws Error for a size that no frame can have.
std::size_t lay_out(Picture& picture, std::uint8_t* memory);

/// A source of memory for a FramePool. Thread-safe. Kept alive by every buffer that came from it.
class PictureMemory {
 public:
  PictureMemory() = default;
  PictureMemory(const PictureMemory&) = delete;
  PictureMemory& operator=(const PictureMemory&) = delete;
  virtual ~PictureMemory() = default;

  /// At least `bytes`, aligned to 64; nullptr if no memory is available now.
  [[nodiscard]] virtual std::uint8_t* allocate(std::size_t bytes) noexcept = 0;
  virtual void deallocate(std::uint8_t* memory) noexcept = 0;
};

}  // namespace freshframe::core

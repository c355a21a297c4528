// Memory for images: how planes are laid out in one block, and allocators other than the heap.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstddef>
#include <cstdint>

namespace freshframe::core {

/// Lays out the planes of `picture`, whose format is set, one after the other in `memory`, with aligned rows.
/// `memory` may be null to get only the sizes. Returns the number of bytes. Throws Error if the size is
/// invalid.
std::size_t lay_out(Picture& picture, std::uint8_t* memory);

/// An allocator for a FramePool. Thread-safe. Kept alive by every buffer that it allocated.
class PictureMemory {
 public:
  PictureMemory() = default;
  PictureMemory(const PictureMemory&) = delete;
  PictureMemory& operator=(const PictureMemory&) = delete;
  virtual ~PictureMemory() = default;

  /// Returns at least `bytes`, aligned to 64, or nullptr if no memory is available now.
  [[nodiscard]] virtual std::uint8_t* allocate(std::size_t bytes) noexcept = 0;
  virtual void deallocate(std::uint8_t* memory) noexcept = 0;
};

}  // namespace freshframe::core

// Memory allocated in pages directly from the system.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

namespace freshframe::platform {

/// Zero-initialized, page-aligned memory. A page uses no memory before it is first written, and all pages are
/// returned to the system by the destructor. On the heap, such blocks would leave holes that small blocks
/// keep from being returned.
class Pages {
 public:
  /// `size_bytes` must not be 0. Throws std::bad_alloc if there is no memory or address space left.
  explicit Pages(std::size_t size_bytes);

  /// Returns the first byte. The address never changes.
  [[nodiscard]] void* data() const noexcept { return memory_.get(); }

 private:
  struct GiveBack {
    std::size_t size_bytes;
    void operator()(void* memory) const noexcept;
  };

  std::unique_ptr<void, GiveBack> memory_;
};

}  // namespace freshframe::platform

// Memory that comes from the system page by page.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

namespace freshframe::platform {

/// Zeros, aligned to a page. A page takes no memory before it is written to, and all of them go back to the system with
/// the object: blocks of the heap would leave holes that small blocks pin.
class Pages {
 public:
  /// Throws std::bad_alloc if the system has no memory or no addresses left. `size_bytes` is not 0.
  explicit Pages(std::size_t size_bytes);

  /// Returns the first byte. It stays where it is as long as the object exists.
  [[nodiscard]] void* data() const noexcept { return memory_.get(); }

 private:
  struct GiveBack {
    std::size_t size_bytes;
    void operator()(void* memory) const noexcept;
  };

  std::unique_ptr<void, GiveBack> memory_;
};

}  // namespace freshframe::platform

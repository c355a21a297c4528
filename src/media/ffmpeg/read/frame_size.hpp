// The size of frames, and its changes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

namespace freshframe::media {

struct FrameSize {
  int width = 0;
  int height = 0;
};

/// Detects changes of the frame size. Not thread-safe.
class SizeWatch {
 public:
  /// Returns the previous size if it differs.
  [[nodiscard]] std::optional<FrameSize> changes_with(FrameSize size) noexcept {
    const FrameSize before = std::exchange(last_, size);
    const bool changed = before.width != 0 && (before.width != size.width || before.height != size.height);
    return changed ? std::optional(before) : std::nullopt;
  }

 private:
  FrameSize last_;
};

}  // namespace freshframe::media

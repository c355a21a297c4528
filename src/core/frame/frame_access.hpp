// Operations on frames that only the engine may use: lend, take back, count.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstdint>
#include <memory>

namespace freshframe::core {

class FrameBudget;

class FrameAccess {
 public:
  /// Returns a handle for use outside the engine. `holder` is the number of the node or reader that keeps it;
  /// 0: unknown.
  [[nodiscard]] static Frame loan(const Frame& frame, std::uint16_t holder = 0) noexcept;
  /// Returns a handle for use inside the engine.
  [[nodiscard]] static Frame engine(const Frame& frame) noexcept;
  [[nodiscard]] static bool is_loan(const Frame& frame) noexcept;
  /// Counts `frame` towards `budget` from now on, unless it already has a budget.
  static void attach(const Frame& frame, const std::shared_ptr<FrameBudget>& budget);
  /// Returns true if the frame has a budget.
  [[nodiscard]] static bool is_attached(const Frame& frame) noexcept;
  /// Returns true if coordinates in this frame differ from those in its source's packets (after their
  /// rotation): a node made it, or it has another orientation than its stream. False if the source has only
  /// scaled it.
  [[nodiscard]] static bool is_moved(const Frame& frame) noexcept;
  static void mark_moved(const Frame& frame) noexcept;
  /// Returns a value that is equal for all handles of a frame, in all formats.
  [[nodiscard]] static const void* identity(const Frame& frame) noexcept;
};

}  // namespace freshframe::core

// Operations on frames for the engine only: lend one, take it back, count it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstdint>
#include <memory>

namespace freshframe::core {

class FrameBudget;

class FrameAccess {
 public:
  /// Returns the same frame as a handle outside the engine. `holder` is the number of the node or reader that
  /// keeps it, 0: unknown.
  [[nodiscard]] static Frame loan(const Frame& frame, std::uint16_t holder = 0) noexcept;
  /// Returns the same frame as a handle inside the engine.
  [[nodiscard]] static Frame engine(const Frame& frame) noexcept;
  [[nodiscard]] static bool is_loan(const Frame& frame) noexcept;
  /// Counts `frame` towards `budget` from now on, once; a frame that has a budget keeps it.
  static void attach(const Frame& frame, const std::shared_ptr<FrameBudget>& budget);
  /// Whether it has one.
  [[nodiscard]] static bool is_attached(const Frame& frame) noexcept;
  /// Whether places in this picture are not those in the pictures of its source's packets, turned as their stream says:
  /// a node has made it, or it says another orientation than its stream. A picture that its source has only scaled is
  /// not.
  [[nodiscard]] static bool is_moved(const Frame& frame) noexcept;
  static void mark_moved(const Frame& frame) noexcept;
  /// The same for all handles of a picture, in all of its formats.
  [[nodiscard]] static const void* identity(const Frame& frame) noexcept;
};

}  // namespace freshframe::core

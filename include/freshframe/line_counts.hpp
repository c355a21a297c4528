// The result of a LineCounter.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/crossing.hpp"
#include "freshframe/results.hpp"
#include "freshframe/sample.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace freshframe {

/// Crossings in each direction.
struct DirectionCounts {
  std::int64_t forward = 0;
  std::int64_t backward = 0;
};

/// Crossings of a line since the start. Forward is to the right when looking from `start` to `end`: downwards
/// for a line drawn from left to right.
struct LineCounts : DirectionCounts {
  Point start = {};
  Point end = {};
  std::map<int, DirectionCounts> by_class = {};  // key: class_id
  /// Events: crossings found in this sample, or in earlier ones that the edge dropped.
  std::vector<Crossing> crossings = {};
  std::variant<Circles, Detections> tracks = {};

  [[nodiscard]] bool has_events() const noexcept { return !crossings.empty(); }
  void absorb(std::span<const LineCounts* const> older);
};
template <>
inline constexpr std::string_view kTypeName<LineCounts> = "LineCounts";

}  // namespace freshframe

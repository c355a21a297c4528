// The objects in one zone, their crossings and visits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/crossing.hpp"
#include "freshframe/results.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace freshframe {

/// One stay of an object in a zone. Times are pts, in seconds.
struct Visit {
  enum class End : std::uint8_t { Left, Lost };
  std::int64_t id = 0;
  int class_id = 0;
  double first_pts = 0;  // when the object crossed the border, or was first seen if it appeared inside
  double last_pts = 0;   // when the object was last seen inside
  End reason = End::Left;
  [[nodiscard]] double dwell() const noexcept { return last_pts - first_pts; }
};

/// The objects in a zone, and the crossings of its border since the start.
struct ZoneCounts {
  std::vector<Point> corners = {};
  std::int64_t entered = 0;  // not counting objects that were first seen inside
  std::int64_t left = 0;
  std::int64_t appeared = 0;              // objects that were first seen inside
  std::int64_t lost = 0;                  // objects that disappeared while inside
  std::vector<std::int64_t> inside = {};  // ids, ascending
  /// For every id in `inside`: seconds from the start of the visit until it was last seen.
  std::map<std::int64_t, double> dwell = {};
  /// The ids in `inside` of objects that have stayed for `loiter_after` or longer.
  std::vector<std::int64_t> loitering = {};
  std::vector<Crossing> crossings = {};     // events, see LineCounts
  std::vector<Visit> visits = {};           // events: visits that ended
  std::vector<std::int64_t> loitered = {};  // events: objects that started to loiter

  [[nodiscard]] bool has_events() const noexcept {
    return !crossings.empty() || !visits.empty() || !loitered.empty();
  }
  void absorb(std::span<const ZoneCounts* const> older);
};

}  // namespace freshframe

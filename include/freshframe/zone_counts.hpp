// The objects in one zone, and their visits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/crossing.hpp"
#include "freshframe/results.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace freshframe {

/// One stay of an object in a zone. Times are the samples' pts, in seconds.
struct Visit {
  enum class End : std::uint8_t { Left, Lost };
  std::int64_t id = 0;
  int class_id = 0;
  double first_pts = 0;  // the crossing of the border, or the first sight if that was inside
  double last_pts = 0;   // the last sight inside
  End reason = End::Left;
  [[nodiscard]] double dwell() const noexcept { return last_pts - first_pts; }
};

/// The objects in a zone, and the crossings of its border since the start.
struct ZoneCounts {
  std::vector<Point> corners = {};
  std::int64_t entered = 0;  // an object that is first seen inside has not entered
  std::int64_t left = 0;
  std::int64_t appeared = 0;              // objects that were first seen inside
  std::int64_t lost = 0;                  // objects that were inside when they were last seen
  std::vector<std::int64_t> inside = {};  // ids, ascending
  /// Seconds from the start of the visit to the last sight of it, of every id in `inside`.
  std::map<std::int64_t, double> dwell = {};
  std::vector<std::int64_t> loitering = {};  // ids of `inside` that are there for `loiter_after` or longer
  std::vector<Crossing> crossings = {};      // events, as of LineCounts
  std::vector<Visit> visits = {};            // events: visits that have ended
  std::vector<std::int64_t> loitered = {};   // events: ids that have begun to loiter

  [[nodiscard]] bool has_events() const noexcept {
    return !crossings.empty() || !visits.empty() || !loitered.empty();
  }
  void absorb(std::span<const ZoneCounts* const> older);
};

}  // namespace freshframe

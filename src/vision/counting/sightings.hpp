// The last sighting of each tracked object per source, used to count at lines and zones.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/counting.hpp"
#include "freshframe/error.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "vision/plausible_time.hpp"

namespace freshframe::vision {

/// A tracked object in one image.
struct Sighting {
  std::int64_t id = 0;
  int class_id = 0;
  double x = 0;  // position of its anchor
  double y = 0;
  double size = 0;  // side in pixels of a square of the same area
};

inline std::size_t count_things(const Circles& found) {
  return found.circles.size();
}
inline std::size_t count_things(const Detections& found) {
  return found.boxes.size();
}

inline Sighting sighting(const Circles& found, std::size_t index, Anchor anchor) {
  const Circle& circle = found.circles[index];
  const double down = anchor == Anchor::Bottom ? circle.r : 0;
  return {.id = found.ids[index], .x = circle.x, .y = circle.y + down, .size = 2.0 * circle.r};
}

inline Sighting sighting(const Detections& found, std::size_t index, Anchor anchor) {
  const Detection& box = found.boxes[index];
  const double width = double{box.x2} - box.x1;
  const double height = double{box.y2} - box.y1;
  return {.id = found.ids[index],
          .class_id = box.class_id,
          .x = (double{box.x1} + box.x2) / 2,
          .y = anchor == Anchor::Bottom ? double{box.y2} : (double{box.y1} + box.y2) / 2,
          .size = std::sqrt(std::max(0.0, width * height))};
}

/// The distance from a border beyond which an object counts as clearly on one side, to tolerate the jitter of
/// a detector.
inline double choose_margin(const std::optional<double>& given, const Sighting& seen) {
  constexpr double kOfSize = 0.05;
  return given ? *given : std::max(1.0, kOfSize * seen.size);
}

/// Throws Error unless the objects have ids. `who`: for error messages.
template <class Found>
void check_tracked(const char* who, const Found& found) {
  if (found.ids.size() == count_things(found)) return;
  throw Error(std::string(who) +
              " counts tracks, but this sample's objects have no ids: add a BoxTracker or a "
              "CircleTracker before it");
}

/// Prepends the events of older counts to those of `counts`. `events`: pointer to the member.
template <class Counts, class Event>
void absorb_events(Counts& counts, std::span<const Counts* const> older,
                   std::vector<Event> Counts::* events) {
  std::vector<Event> all;
  for (const auto* each : older) all.insert(all.end(), (each->*events).begin(), (each->*events).end());
  all.insert(all.end(), (counts.*events).begin(), (counts.*events).end());
  counts.*events = std::move(all);
}

template <class Number>
void check_margin(const char* who, const std::optional<Number>& margin) {
  constexpr double kMost = 1e6;
  if (!margin || (*margin >= 0 && *margin <= kMost)) return;
  std::ostringstream text;
  text << who << " needs margin from 0 to " << kMost << " pixels, got " << *margin;
  throw OptionError(text.str());
}

/// Checks a corner of a line or zone.
inline void check_point(const char* who, const Point& point) {
  constexpr double kFarthest = 1e6;
  if (std::abs(point.x) <= kFarthest && std::abs(point.y) <= kFarthest) return;  // false for NaN
  std::ostringstream text;
  text << who << " needs points within " << kFarthest << " pixels of the frame's corner, got (" << point.x
       << ", " << point.y << ")";
  throw OptionError(text.str());
}

/// A state for each object, by id. `State` must have a member `seen`, the time of the last sighting.
template <class State>
class Sightings {
 public:
  /// `forgotten`: minimum seconds before an unseen object is dropped.
  explicit Sightings(double forgotten = 600) : forgotten_(forgotten) {}
  /// Raises that time. A shorter one has no effect.
  void remember(double forgotten) noexcept { forgotten_ = std::max(forgotten_, forgotten); }
  /// Advances to the next image's timestamp in seconds. If time goes backwards, drops all states; counts
  /// continue.
  void advance(double pts) {
    check_time(pts);
    if (pts < now_) states_.clear();
    now_ = pts;
    if (states_.size() < room_) return;
    std::erase_if(states_, [&](const auto& each) { return pts - each.second.seen > forgotten_; });
    room_ = std::max(kRoom, 2 * states_.size());
  }
  /// Returns null if the object is new.
  [[nodiscard]] State* find(std::int64_t id) {
    const auto found = states_.find(id);
    return found == states_.end() ? nullptr : &found->second;
  }
  void add(std::int64_t id, const State& state) { states_.emplace(id, state); }
  [[nodiscard]] std::map<std::int64_t, State>& all() noexcept { return states_; }
  [[nodiscard]] double now() const noexcept { return now_; }

 private:
  static constexpr std::size_t kRoom = 1024;

  double forgotten_;
  double now_ = -1e300;
  std::size_t room_ = kRoom;
  std::map<std::int64_t, State> states_;
};

}  // namespace freshframe::vision

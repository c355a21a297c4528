// The last sightings of tracked objects, per source: the common part of the counters of lines and zones.
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

/// A tracked object in one picture.
struct Sighting {
  std::int64_t id = 0;
  int class_id = 0;
  double x = 0;  // place of its anchor
  double y = 0;
  double size = 0;  // pixels: side of a square of the same area
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

/// The distance from a border at which an object is on one side of it: the jitter of a detector.
inline double choose_margin(const std::optional<double>& given, const Sighting& seen) {
  constexpr double kOfSize = 0.05;
  return given ? *given : std::max(1.0, kOfSize * seen.size);
}

/// Throws Error unless the objects have ids. `who` is for the message.
template <class Found>
void check_tracked(const char* who, const Found& found) {
  if (found.ids.size() == count_things(found)) return;
  throw Error(std::string(who) +
              " counts tracks, but this sample's objects have no ids: add a BoxTracker or a "
              "CircleTracker before it");
}

/// Puts the events of older counts before the events of `counts`. `events`: the member that has them.
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

/// A corner of a line or a zone.
inline void check_point(const char* who, const Point& point) {
  constexpr double kFarthest = 1e6;
  if (std::abs(point.x) <= kFarthest && std::abs(point.y) <= kFarthest) return;  // NaN fails
  std::ostringstream text;
  text << who << " needs points within " << kFarthest << " pixels of the picture's corner, got (" << point.x
       << ", " << point.y << ")";
  throw OptionError(text.str());
}

/// The state of each object, by id. `State` has a member `seen`, the time of its last sighting.
template <class State>
class Sightings {
 public:
  /// `forgotten`: seconds after which an object that is not seen is forgotten, at the earliest.
  explicit Sightings(double forgotten = 600) : forgotten_(forgotten) {}
  /// Lengthens that time. A shorter one changes nothing.
  void remember(double forgotten) noexcept { forgotten_ = std::max(forgotten_, forgotten); }
  /// Advances to the time of the next picture, seconds. A step back drops all states; counts continue.
  void advance(double pts) {
    check_time(pts);
    if (pts < now_) states_.clear();
    now_ = pts;
    if (states_.size() < room_) return;
    std::erase_if(states_, [&](const auto& each) { return pts - each.second.seen > forgotten_; });
    room_ = std::max(kRoom, 2 * states_.size());
  }
  /// Returns null if the object was not seen before.
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

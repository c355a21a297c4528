// The counter of objects that cross a line.
// SPDX-License-Identifier: Apache-2.0
//
// An object has crossed when it was seen clearly on one side and then clearly on the other, and its path
// between the sightings went through the line. Neither depends on the number of pictures in between.
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <sstream>
#include <utility>

#include "vision/counting/placement.hpp"
#include "vision/counting/sightings.hpp"

namespace freshframe {
namespace {

using vision::Sighting;

struct State {
  double seen = 0;  // seconds
  double x = 0;
  double y = 0;
  double distance = 0;  // from the line, pixels: positive on its right, seen from start to end
  int side = 0;         // the side where it was last seen clearly: -1, 1, or 0 for none
  int through = 0;      // crossings of the line since then: forward ones less backward ones
  Crossing latest{};
};

struct Counted {
  vision::Sightings<State> things;
  LineCounts counts;
};

}  // namespace

struct LineCounter::Impl {
  explicit Impl(const LineCounterOptions& given) : options(given) {
    vision::check_point("LineCounter", given.start);
    vision::check_point("LineCounter", given.end);
    vision::check_margin("LineCounter", given.margin);
    vision::refuse_shares("LineCounter", ends(), vision::OnePixel::Allowed);
    dx = double{given.end.x} - given.start.x;
    dy = double{given.end.y} - given.start.y;
    length = std::hypot(dx, dy);
    if (length >= 1) return;
    std::ostringstream text;
    text << "LineCounter needs a line of at least one pixel, got one from (" << given.start.x << ", "
         << given.start.y << ") to (" << given.end.x << ", " << given.end.y << ")";
    throw OptionError(text.str());
  }

  [[nodiscard]] std::array<Point, 2> ends() const { return {options.start, options.end}; }

  Counted& of_source(int source) {
    const auto [entry, is_new] = sources.try_emplace(source);
    if (is_new) {
      entry->second.counts.start = options.start;
      entry->second.counts.end = options.end;
    }
    return entry->second;
  }

  template <class Found>
  LineCounts update(const Found& found, double pts, int source) {
    vision::check_tracked("LineCounter", found);
    auto& [things, counts] = of_source(source);
    things.advance(pts);
    counts.crossings.clear();
    for (std::size_t i = 0; i < vision::count_of(found); ++i)
      see(things, counts, vision::sighting(found, i, options.anchor));
    auto result = counts;
    result.tracks = found;
    return result;
  }

  void see(vision::Sightings<State>& things, LineCounts& counts, const Sighting& seen) const;
  void cross(const State& from, State& to, const Sighting& seen) const;

  LineCounterOptions options;
  double dx = 0;
  double dy = 0;
  double length = 0;
  std::map<int, Counted> sources;
  vision::Placement placement;
};

void LineCounter::Impl::see(vision::Sightings<State>& things, LineCounts& counts,
                            const Sighting& seen) const {
  if (!std::isfinite(seen.x) || !std::isfinite(seen.y)) return;
  State now{.seen = things.now(), .x = seen.x, .y = seen.y};
  now.distance = (dx * (seen.y - options.start.y) - dy * (seen.x - options.start.x)) / length;
  const bool clear = std::abs(now.distance) > vision::margin_of(options.margin, seen);
  const int side = now.distance < 0 ? -1 : 1;
  State* const before = things.find(seen.id);
  if (before == nullptr) {
    now.side = clear ? side : 0;
    things.add(seen.id, now);
    return;
  }
  now.side = before->side;
  now.through = before->through;
  now.latest = before->latest;
  cross(*before, now, seen);
  if (clear) {
    if (now.side == -side && now.through == side) {
      (now.latest.forward ? counts.forward : counts.backward) += 1;
      auto& of_class = counts.classes[seen.class_id];
      (now.latest.forward ? of_class.forward : of_class.backward) += 1;
      counts.crossings.push_back(now.latest);
    }
    now.side = side;
    now.through = 0;
  }
  *before = now;
}

// The path from one sighting to the next.
void LineCounter::Impl::cross(const State& from, State& to, const Sighting& seen) const {
  const bool forward = to.distance >= 0;
  if (forward == (from.distance >= 0)) return;
  const double share = from.distance / (from.distance - to.distance);
  const double x = from.x + share * (to.x - from.x);
  const double y = from.y + share * (to.y - from.y);
  const double along = ((x - options.start.x) * dx + (y - options.start.y) * dy) / (length * length);
  if (along < 0 || along > 1) return;
  to.through += forward ? 1 : -1;
  to.latest = {.id = seen.id,
               .class_id = seen.class_id,
               .forward = forward,
               .at = {static_cast<float>(x), static_cast<float>(y)},
               .pts = from.seen + share * (to.seen - from.seen)};
}

void LineCounts::absorb(std::span<const LineCounts* const> older) {
  vision::absorb_events(*this, older, &LineCounts::crossings);
}

LineCounter::LineCounter(const LineCounterOptions& options) : impl_(std::make_unique<Impl>(options)) {}
LineCounter::~LineCounter() = default;

void LineCounter::source_gone(int source) {
  impl_->sources.erase(source);
}

LineCounts LineCounter::update(const Circles& found, double time, int source) {
  return impl_->update(found, time, source);
}
LineCounts LineCounter::update(const Detections& found, double time, int source) {
  return impl_->update(found, time, source);
}
std::optional<LineCounts> LineCounter::process(const Sample<Circles>& sample, const Context& context) {
  impl_->placement.see("line", impl_->ends(), sample.frame, sample.stamp.source, context);
  return impl_->update(sample.value, sample.stamp.pts, sample.stamp.source);
}
std::optional<LineCounts> LineCounter::process(const Sample<Detections>& sample, const Context& context) {
  impl_->placement.see("line", impl_->ends(), sample.frame, sample.stamp.source, context);
  return impl_->update(sample.value, sample.stamp.pts, sample.stamp.source);
}

}  // namespace freshframe

// The node that counts objects crossing a line.
// SPDX-License-Identifier: Apache-2.0
//
// An object has crossed when it was seen clearly on one side and then clearly on the other, and its path
// between the two sightings intersects the line. So the number of frames in between does not matter.
#include "freshframe/counting.hpp"
#include "freshframe/error.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "vision/counting/placement.hpp"
#include "vision/counting/sightings.hpp"
#include "vision/next_value.hpp"

namespace freshframe {
namespace {

using vision::Sighting;

struct State {
  double seen = 0;  // seconds
  double x = 0;
  double y = 0;
  // signed distance from the line in pixels: positive on its right, seen from start to end
  double distance = 0;
  int side = 0;     // the side where it was last clearly seen: -1, 1, or 0 for none
  int through = 0;  // crossings since the last sighting on `side`: forward minus backward
  Crossing latest{};
};

/// A line in pixels.
struct Line {
  Point start;
  double dx = 0;
  double dy = 0;
  double length = 0;
};

struct Counted {
  vision::Sightings<State> things;
  LineCounts counts;
  PictureSize size;
  std::optional<Line> line;
  bool is_moved = false;  // the line has moved since the last sample
};

Line line_between(const Point& start, const Point& end) {
  const double dx = double{end.x} - start.x;
  const double dy = double{end.y} - start.y;
  return {start, dx, dy, std::hypot(dx, dy)};
}

}  // namespace

struct LineCounter::Impl {
  using Ends = std::array<Point, 2>;

  explicit Impl(const LineCounterOptions& given) : options(given), ends{given.start, given.end} {
    vision::check_margin("LineCounter", given.margin);
    check(ends);
  }

  void check(const Ends& given) const {
    const auto& [start, end] = given;
    vision::check_point("LineCounter", start);
    vision::check_point("LineCounter", end);
    if (options.relative) {
      vision::check_shares("LineCounter", given);
    } else {
      vision::refuse_shares("LineCounter", given, vision::OnePixel::Allowed);
    }
    const double least = options.relative ? kLeastShare : 1;
    if (line_between(start, end).length >= least) return;
    std::ostringstream text;
    text << "LineCounter needs a line of at least one pixel, got one from (" << start.x << ", " << start.y
         << ") to (" << end.x << ", " << end.y << ")";
    throw OptionError(text.str());
  }

  void take_next() {
    const auto given = next.take();
    if (!given) return;
    ends = *given;
    for (auto& [source, of] : sources) of.is_moved = true;
    placement = {};
  }

  Counted& get_source(int source, PictureSize size) {
    auto& counted = sources[source];
    auto& [things, counts, known, line, is_moved] = counted;
    const bool is_other_size = options.relative && size != known;
    if (!line || is_moved || is_other_size) {
      const auto pixels = options.relative ? vision::scaled("LineCounter", ends, size)
                                           : std::vector<Point>(ends.begin(), ends.end());
      counts.start = pixels.front();
      counts.end = pixels.back();
      const bool is_first = !line;
      line = line_between(counts.start, counts.end);
      const auto before = std::exchange(known, size);
      if (!is_first && is_other_size)
        move(counted, static_cast<double>(size.width) / before.width,
             static_cast<double>(size.height) / before.height);
      if (std::exchange(is_moved, false)) begin_again(counted);
    }
    return counted;
  }

  // Scales the positions for an image of another size.
  static void move(Counted& counted, double by_x, double by_y) {
    for (auto& [id, state] : counted.things.all()) {
      state.x *= by_x;
      state.y *= by_y;
      state.distance = distance_to(*counted.line, state.x, state.y);
      state.latest.point = {static_cast<float>(state.latest.point.x * by_x),
                            static_cast<float>(state.latest.point.y * by_y)};
    }
  }
  // Call after the line was moved. Each object's side is then set at its next position.
  static void begin_again(Counted& counted) {
    for (auto& [id, state] : counted.things.all()) {
      state.distance = distance_to(*counted.line, state.x, state.y);
      state.side = state.through = 0;
    }
  }
  static double distance_to(const Line& line, double x, double y) {
    return (line.dx * (y - line.start.y) - line.dy * (x - line.start.x)) / line.length;
  }

  template <class Found>
  LineCounts update(std::string_view node, const Found& found, double pts, int source, PictureSize size) {
    take_next();
    if (!options.relative) {
      placement.see({.node = node,
                     .what = "its line",
                     .advice = "pass relative=True, or set its line again for that size"},
                    ends, size, source);
    }
    vision::check_tracked("LineCounter", found);
    auto& counted = get_source(source, size);
    counted.things.advance(pts);
    counted.counts.crossings.clear();
    for (std::size_t i = 0; i < vision::count_things(found); ++i)
      see(counted, vision::sighting(found, i, options.anchor));
    auto result = counted.counts;
    result.tracks = found;
    return result;
  }

  template <class Found>
  LineCounts process(const Sample<Found>& sample, const Context& context) {
    return update(context.node, sample.value, sample.stamp.pts, sample.stamp.source,
                  vision::size_of(sample.frame));
  }

  void see(Counted& counted, const Sighting& seen) const;
  static void cross(const Line& line, const State& from, State& to, const Sighting& seen);

  static constexpr double kLeastShare = 1e-4;

  const LineCounterOptions options;
  vision::NextValue<Ends> next;

  // ---- used on the node's thread
  Ends ends;
  std::map<int, Counted> sources;
  vision::Placement placement;
};

void LineCounter::Impl::see(Counted& counted, const Sighting& seen) const {
  auto& [things, counts, size, line, is_moved] = counted;
  if (!std::isfinite(seen.x) || !std::isfinite(seen.y)) return;
  State now{.seen = things.now(), .x = seen.x, .y = seen.y};
  now.distance = distance_to(*line, seen.x, seen.y);
  const bool clear = std::abs(now.distance) > vision::choose_margin(options.margin, seen);
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
  cross(*line, *before, now, seen);
  if (clear) {
    if (now.side == -side && now.through == side) {
      (now.latest.forward ? counts.forward : counts.backward) += 1;
      auto& of_class = counts.by_class[seen.class_id];
      (now.latest.forward ? of_class.forward : of_class.backward) += 1;
      counts.crossings.push_back(now.latest);
    }
    now.side = side;
    now.through = 0;
  }
  *before = now;
}

// Counts a crossing on the path from one sighting to the next.
void LineCounter::Impl::cross(const Line& line, const State& from, State& to, const Sighting& seen) {
  const bool forward = to.distance >= 0;
  if (forward == (from.distance >= 0)) return;
  const double share = from.distance / (from.distance - to.distance);
  const double x = from.x + share * (to.x - from.x);
  const double y = from.y + share * (to.y - from.y);
  const double along =
      ((x - line.start.x) * line.dx + (y - line.start.y) * line.dy) / (line.length * line.length);
  if (along < 0 || along > 1) return;
  to.through += forward ? 1 : -1;
  to.latest = {.id = seen.id,
               .class_id = seen.class_id,
               .forward = forward,
               .point = {static_cast<float>(x), static_cast<float>(y)},
               .pts = from.seen + share * (to.seen - from.seen)};
}

void LineCounts::absorb(std::span<const LineCounts* const> older) {
  vision::absorb_events(*this, older, &LineCounts::crossings);
}

LineCounter::LineCounter(const LineCounterOptions& options) : impl_(std::make_unique<Impl>(options)) {}
LineCounter::~LineCounter() = default;

void LineCounter::set_line(const Point& start, const Point& end) {
  const Impl::Ends ends{start, end};
  impl_->check(ends);
  impl_->next.set(ends);
}

void LineCounter::source_gone(int source) {
  impl_->sources.erase(source);
  impl_->placement.forget(source);
}

LineCounts LineCounter::update(const Circles& found, double pts, int source, PictureSize size) {
  return impl_->update(default_name(), found, pts, source, size);
}
LineCounts LineCounter::update(const Detections& found, double pts, int source, PictureSize size) {
  return impl_->update(default_name(), found, pts, source, size);
}
std::optional<LineCounts> LineCounter::process(const Sample<Circles>& sample, const Context& context) {
  return impl_->process(sample, context);
}
std::optional<LineCounts> LineCounter::process(const Sample<Detections>& sample, const Context& context) {
  return impl_->process(sample, context);
}

}  // namespace freshframe

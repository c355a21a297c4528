// The counter of objects in a zone.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <sstream>
#include <utility>
#include <vector>

#include "vision/counting/placement.hpp"
#include "vision/counting/polygon.hpp"
#include "vision/counting/sightings.hpp"

namespace freshframe {
namespace {

using vision::Sighting;

constexpr double kMostGap = 1e6;  // seconds

struct ZoneState {
  double seen = 0;  // seconds
  double x = 0;
  double y = 0;
  double depth = 0;  // pixels from the border, positive inside
  int side = 0;      // the side where it was last seen clearly: 1 inside, -1 outside, 0 none
};

struct ZoneCounted {
  vision::Sightings<ZoneState> things;
  ZoneCounts counts;
};

}  // namespace

struct ZoneCounter::Impl {
  explicit Impl(const ZoneCounterOptions& given) : options(given), zone(given.corners) {
    vision::check_margin("ZoneCounter", given.margin);
    if (given.max_gap > 0 && given.max_gap <= kMostGap) return;
    std::ostringstream text;
    text << "ZoneCounter needs max_gap of more than 0 and at most " << kMostGap << " seconds, got "
         << given.max_gap;
    throw OptionError(text.str());
  }

  ZoneCounted& of_source(int source) {
    const auto [entry, is_new] = sources.try_emplace(source);
    if (is_new) entry->second.counts.corners = options.corners;
    return entry->second;
  }

  template <class Found>
  ZoneCounts update(const Found& found, double pts, int source) {
    vision::check_tracked("ZoneCounter", found);
    auto& [things, counts] = of_source(source);
    things.advance(pts);
    counts.crossings.clear();
    for (std::size_t i = 0; i < vision::count_of(found); ++i)
      see(things, counts, vision::sighting(found, i, options.anchor));
    auto result = counts;
    for (const auto& [id, state] : things.all()) {
      const bool inside = state.side == 0 ? state.depth > 0 : state.side > 0;
      if (inside && pts - state.seen <= options.max_gap) result.inside.push_back(id);
    }
    result.tracks = found;
    return result;
  }

  void see(vision::Sightings<ZoneState>& things, ZoneCounts& counts, const Sighting& seen) const;

  ZoneCounterOptions options;
  vision::Polygon zone;
  std::map<int, ZoneCounted> sources;
  vision::Placement placement;
};

void ZoneCounter::Impl::see(vision::Sightings<ZoneState>& things, ZoneCounts& counts,
                            const Sighting& seen) const {
  if (!std::isfinite(seen.x) || !std::isfinite(seen.y)) return;
  ZoneState now{.seen = things.now(), .x = seen.x, .y = seen.y, .depth = zone.depth(seen.x, seen.y)};
  const double margin = vision::margin_of(options.margin, seen);
  const bool clear = std::abs(now.depth) > margin;
  const int side = now.depth > 0 ? 1 : -1;
  ZoneState* const before = things.find(seen.id);
  if (before == nullptr) {
    now.side = clear ? side : 0;
    things.add(seen.id, now);
    return;
  }
  now.side = clear ? side : before->side;
  const auto count = [&](bool enters, double share) {
    (enters ? counts.entered : counts.left) += 1;
    counts.crossings.push_back({.id = seen.id,
                                .class_id = seen.class_id,
                                .forward = enters,
                                .at = {static_cast<float>(before->x + share * (now.x - before->x)),
                                       static_cast<float>(before->y + share * (now.y - before->y))},
                                .pts = before->seen + share * (now.seen - before->seen)});
  };
  if (clear && before->side != 0) {
    const auto borders = zone.crossings(before->x, before->y, now.x, now.y);
    if (before->side != side) {
      count(side > 0, borders.empty() ? 1 : borders.back());
    } else {  // through the zone, or out of it and back, between two sightings
      for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
        const double middle = (borders[i] + borders[i + 1]) / 2;
        const double depth =
            zone.depth(before->x + middle * (now.x - before->x), before->y + middle * (now.y - before->y));
        if (-side * depth <= margin) continue;
        count(side < 0, borders[i]);
        count(side > 0, borders[i + 1]);
      }
    }
  }
  *before = now;
}

void ZoneCounts::absorb(std::span<const ZoneCounts* const> older) {
  vision::absorb_crossings(*this, older);
}

ZoneCounter::ZoneCounter(const ZoneCounterOptions& options) : impl_(std::make_unique<Impl>(options)) {}
ZoneCounter::~ZoneCounter() = default;

void ZoneCounter::source_gone(int source) {
  impl_->sources.erase(source);
}

ZoneCounts ZoneCounter::update(const Circles& found, double time, int source) {
  return impl_->update(found, time, source);
}
ZoneCounts ZoneCounter::update(const Detections& found, double time, int source) {
  return impl_->update(found, time, source);
}
std::optional<ZoneCounts> ZoneCounter::process(const Sample<Circles>& sample, const Context& context) {
  impl_->placement.see("zone", impl_->options.corners, sample.frame, sample.stamp.source, context);
  return impl_->update(sample.value, sample.stamp.pts, sample.stamp.source);
}
std::optional<ZoneCounts> ZoneCounter::process(const Sample<Detections>& sample, const Context& context) {
  impl_->placement.see("zone", impl_->options.corners, sample.frame, sample.stamp.source, context);
  return impl_->update(sample.value, sample.stamp.pts, sample.stamp.source);
}

}  // namespace freshframe

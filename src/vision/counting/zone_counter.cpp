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
  int class_id = 0;
  bool gone = false;   // its visit has ended because it was not seen: it is seen as if for the first time
  double entered = 0;  // of the visit that lasts, while it is inside
  bool loiters = false;

  [[nodiscard]] bool is_inside() const noexcept { return !gone && (side == 0 ? depth > 0 : side > 0); }
};

struct ZoneCounted {
  vision::Sightings<ZoneState> things;
  ZoneCounts counts;
};

// The straight way of an object between two sightings that are both clear of the border. It counts where the way
// crosses the border.
class ZoneStep {
 public:
  ZoneStep(std::int64_t id, const ZoneState& before, ZoneState& now, ZoneCounts& counts)
      : id_(id), before_(before), now_(now), counts_(counts) {}

  void count(const vision::Polygon& zone, double margin) {
    const auto borders = zone.crossings(before_.x, before_.y, now_.x, now_.y);
    if (before_.side != now_.side) {
      cross(now_.side > 0, borders.empty() ? 1 : borders.back());
      return;
    }
    // Through the zone, or out of it and back.
    for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
      const double middle = (borders[i] + borders[i + 1]) / 2;
      if (-now_.side * zone.depth(x_at(middle), y_at(middle)) <= margin) continue;
      cross(now_.side < 0, borders[i]);
      cross(now_.side > 0, borders[i + 1]);
    }
  }

 private:
  [[nodiscard]] double x_at(double share) const { return before_.x + share * (now_.x - before_.x); }
  [[nodiscard]] double y_at(double share) const { return before_.y + share * (now_.y - before_.y); }

  void cross(bool enters, double share) {
    (enters ? counts_.entered : counts_.left) += 1;
    const double at = before_.seen + share * (now_.seen - before_.seen);
    if (enters) {
      now_.entered = at;
      now_.loiters = false;
    } else if (before_.gone) {
      counts_.lost -= 1;  // its visit has been told
    } else {
      counts_.visits.push_back({.id = id_,
                                .class_id = now_.class_id,
                                .entered = now_.entered,
                                .ended = std::max(now_.entered, before_.seen),
                                .how = Visit::End::Left});
    }
    counts_.crossings.push_back({.id = id_,
                                 .class_id = now_.class_id,
                                 .forward = enters,
                                 .at = {static_cast<float>(x_at(share)), static_cast<float>(y_at(share))},
                                 .pts = at});
  }

  std::int64_t id_;
  const ZoneState& before_;
  ZoneState& now_;
  ZoneCounts& counts_;
};

}  // namespace

struct ZoneCounter::Impl {
  explicit Impl(const ZoneCounterOptions& given) : options(given), zone(given.corners) {
    vision::check_margin("ZoneCounter", given.margin);
    check_loiter(given.loiter);
    for (const auto& [name, seconds] : given.loiter_of) check_loiter(seconds);
    if (given.max_gap > 0 && given.max_gap <= kMostGap) return;
    std::ostringstream text;
    text << "ZoneCounter needs max_gap of more than 0 and at most " << kMostGap << " seconds, got "
         << given.max_gap;
    throw OptionError(text.str());
  }

  ZoneCounted& of_source(int source) {
    const auto [entry, is_new] = sources.try_emplace(source);
    if (is_new) {
      entry->second.things = vision::Sightings<ZoneState>(std::max(600.0, 2 * options.max_gap));
      entry->second.counts.corners = options.corners;
    }
    return entry->second;
  }

  static void check_loiter(const std::optional<double>& seconds) {
    if (!seconds || (*seconds > 0 && *seconds <= kMostGap)) return;
    std::ostringstream text;
    text << "ZoneCounter needs loiter of more than 0 and at most " << kMostGap << " seconds, got "
         << *seconds;
    throw OptionError(text.str());
  }

  template <class Found>
  ZoneCounts update(const Found& found, double pts, int source) {
    vision::check_tracked("ZoneCounter", found);
    auto& [things, counts] = of_source(source);
    counts.crossings.clear();
    counts.visits.clear();
    counts.loitered.clear();
    if (pts < things.now()) lose(things, counts, things.now() + 2 * options.max_gap);  // nobody stays
    things.advance(pts);
    lose(things, counts, pts);
    for (std::size_t i = 0; i < vision::count_of(found); ++i)
      see(things, counts, vision::sighting(found, i, options.anchor));
    auto result = counts;
    for (auto& [id, state] : things.all()) {
      if (!state.is_inside()) continue;
      const double seconds = state.seen - state.entered;
      result.inside.push_back(id);
      result.seconds.push_back(seconds);
      const auto limit = limit_of(found, state.class_id);
      if (!limit || seconds < *limit) continue;
      result.loitering.push_back(id);
      if (!std::exchange(state.loiters, true)) result.loitered.push_back(id);
    }
    result.tracks = found;
    return result;
  }

  [[nodiscard]] std::optional<double> limit_of(const Circles& /*found*/, int /*class_id*/) const {
    return options.loiter;
  }
  [[nodiscard]] std::optional<double> limit_of(const Detections& found, int class_id) const {
    if (options.loiter_of.empty()) return options.loiter;
    const auto limit = options.loiter_of.find(class_name(found.names, class_id));
    return limit == options.loiter_of.end() ? options.loiter : limit->second;
  }

  void see(vision::Sightings<ZoneState>& things, ZoneCounts& counts, const Sighting& seen) const;
  /// Ends the visits of objects that were not seen for max_gap.
  void lose(vision::Sightings<ZoneState>& things, ZoneCounts& counts, double pts) const;

  ZoneCounterOptions options;
  vision::Polygon zone;
  std::map<int, ZoneCounted> sources;
  vision::Placement placement;
};

void ZoneCounter::Impl::lose(vision::Sightings<ZoneState>& things, ZoneCounts& counts, double pts) const {
  for (auto& [id, state] : things.all()) {
    if (!state.is_inside() || pts - state.seen <= options.max_gap) continue;
    state.gone = true;
    if (state.side == 0) continue;  // on the border ever since: it has not visited
    counts.lost += 1;
    counts.visits.push_back({.id = id,
                             .class_id = state.class_id,
                             .entered = state.entered,
                             .ended = state.seen,
                             .how = Visit::End::Lost});
  }
}

void ZoneCounter::Impl::see(vision::Sightings<ZoneState>& things, ZoneCounts& counts,
                            const Sighting& seen) const {
  if (!std::isfinite(seen.x) || !std::isfinite(seen.y)) return;
  ZoneState now{.seen = things.now(),
                .x = seen.x,
                .y = seen.y,
                .depth = zone.depth(seen.x, seen.y),
                .class_id = seen.class_id,
                .entered = things.now()};
  const double margin = vision::margin_of(options.margin, seen);
  const bool clear = std::abs(now.depth) > margin;
  const int side = now.depth > 0 ? 1 : -1;
  ZoneState* const before = things.find(seen.id);
  const bool has_left = before != nullptr && before->gone && before->side > 0 && clear && side < 0;
  if (before == nullptr || (before->gone && !has_left)) {
    now.side = clear ? side : 0;
    counts.appeared += now.side > 0;
    if (before != nullptr) {
      *before = now;
    } else {
      things.add(seen.id, now);
    }
    return;
  }
  now.side = clear ? side : before->side;
  now.entered = before->entered;
  now.loiters = before->loiters;
  counts.appeared += before->side == 0 && now.side > 0;
  if (clear && before->side != 0) ZoneStep{seen.id, *before, now, counts}.count(zone, margin);
  *before = now;
}

void ZoneCounts::absorb(std::span<const ZoneCounts* const> older) {
  vision::absorb_events(*this, older, &ZoneCounts::crossings);
  vision::absorb_events(*this, older, &ZoneCounts::visits);
  vision::absorb_events(*this, older, &ZoneCounts::loitered);
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

// The node that counts objects in zones.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/counting.hpp"
#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vision/class_choice.hpp"
#include "vision/counting/placement.hpp"
#include "vision/counting/sightings.hpp"
#include "vision/next_value.hpp"

namespace freshframe::vision {

namespace {

constexpr double kMostGap = 1e6;            // seconds
constexpr PictureSize kSquare{1000, 1000};  // to check fractions without an image

void check_seconds(const std::string& who, const char* option, double seconds) {
  if (seconds > 0 && seconds <= kMostGap) return;
  std::ostringstream text;
  text << who << " needs " << option << " of more than 0 and at most " << kMostGap << " seconds, got "
       << seconds;
  throw OptionError(text.str());
}

}  // namespace

/// Where and when an object crossed the border of a zone.
struct BorderCrossing {
  double x = 0;
  double y = 0;
  double pts = 0;
};

/// The state of an object with respect to a zone.
struct ZoneState {
  double seen = 0;  // seconds
  double x = 0;
  double y = 0;
  double depth = 0;  // distance from the border in pixels, positive inside
  int side = 0;      // the side where it was last clearly seen: 1 inside, -1 outside, 0 none
  int class_id = 0;
  bool gone = false;   // its visit ended because it was not seen: the next sighting counts as the first
  double entered = 0;  // start of the current visit, while inside
  double inside = 0;   // when it was last seen inside, in seconds
  std::optional<BorderCrossing> border = {};  // the latest, even if the object is not clear of the border yet
  bool loiters = false;

  [[nodiscard]] bool is_inside() const noexcept { return !gone && (side == 0 ? depth > 0 : side > 0); }
};

// The straight path of an object between two sightings. A slow object is near the border for several
// sightings. It is counted once it is clear of the border, with the place and time of the crossing.
class ZoneStep {
 public:
  ZoneStep(std::int64_t id, const ZoneState& before, ZoneState& now, const Polygon& zone)
      : id_(id),
        before_(before),
        now_(now),
        zone_(zone),
        borders_(zone.crossings(before.x, before.y, now.x, now.y)) {
    now.border = borders_.empty() ? before.border : at(borders_.back());
  }

  void count(double margin, ZoneCounts& counts) {
    if (before_.side != now_.side) {
      cross(now_.side > 0, now_.border.value_or(at(1)), counts);
      return;
    }
    // Through the zone, or out of it and back in.
    for (std::size_t i = 0; i + 1 < borders_.size(); ++i) {
      const BorderCrossing middle = at((borders_[i] + borders_[i + 1]) / 2);
      if (-now_.side * zone_.depth(middle.x, middle.y) <= margin) continue;
      cross(now_.side < 0, at(borders_[i]), counts);
      cross(now_.side > 0, at(borders_[i + 1]), counts);
    }
  }

 private:
  [[nodiscard]] BorderCrossing at(double share) const {
    return {.x = before_.x + share * (now_.x - before_.x),
            .y = before_.y + share * (now_.y - before_.y),
            .pts = before_.seen + share * (now_.seen - before_.seen)};
  }

  void cross(bool enters, const BorderCrossing& border, ZoneCounts& counts) {
    (enters ? counts.entered : counts.left) += 1;
    if (enters) {
      now_.entered = border.pts;
      now_.loiters = false;
    } else if (before_.gone) {
      counts.lost -= 1;  // its visit was counted as lost
    } else {
      counts.visits.push_back({.id = id_,
                               .class_id = now_.class_id,
                               .first_pts = now_.entered,
                               .last_pts = std::max(now_.entered, before_.inside),
                               .reason = Visit::End::Left});
    }
    counts.crossings.push_back({.id = id_,
                                .class_id = now_.class_id,
                                .forward = enters,
                                .point = {static_cast<float>(border.x), static_cast<float>(border.y)},
                                .pts = border.pts});
  }

  std::int64_t id_;
  const ZoneState& before_;
  ZoneState& now_;
  const Polygon& zone_;
  std::vector<double> borders_;  // positions of the crossings on the path, 0 to 1
};

/// A zone and the objects in it, per source, with visits and crossings. Not thread-safe.
class Zone {
 public:
  /// `who`: for error messages, such as "the zone 'till'". Throws OptionError.
  Zone(std::string who, const ZoneOptions& options) : who_(std::move(who)), options_(options) {
    check_margin(who_.c_str(), options.margin);
    if (options.loiter_after) check_seconds(who_, "loiter_after", *options.loiter_after);
    for (const auto& [name, seconds] : options.loiter_after_of) check_seconds(who_, "loiter_after", seconds);
    check_seconds(who_, "max_gap", options.max_gap);
    if (options.relative) {
      check_shares(who_.c_str(), options.corners);
    } else if (!options.corners.empty()) {
      refuse_shares(who_.c_str(), options.corners, OnePixel::Refused);
    }
    static_cast<void>(Polygon(who_.c_str(), corners_in(kSquare)));  // rejects invalid corners now
  }

  /// Updates the counts of a source with the tracks of its next image, and returns them without the tracks.
  /// Throws Error for tracks without ids, and if relative corners need the size of the image and it is
  /// unknown.
  template <class Found>
  [[nodiscard]] ZoneCounts update(const Found& found, double pts, int source, PictureSize size) {
    check_tracked(who_.c_str(), found);
    check_loiter(found);
    auto& counted = get_source(source, size);
    counted.counts.crossings.clear();
    counted.counts.visits.clear();
    counted.counts.loitered.clear();
    if (std::exchange(counted.is_moved, false)) begin_again(counted);
    // Before advance(), which forgets objects that have not been seen for long. If time goes backwards, all
    // objects are forgotten.
    check_time(pts);
    const bool is_step_back = pts < counted.things.now();
    lose(counted,
         [&](const ZoneState& state) { return is_step_back || pts - state.seen > options_.max_gap; });
    counted.things.advance(pts);
    for (std::size_t i = 0; i < count_things(found); ++i) see(counted, sighting(found, i, options_.anchor));
    auto result = counted.counts;
    for (const auto id : counted.inside) {
      auto* const known = counted.things.find(id);
      if (known == nullptr) continue;
      auto& state = *known;
      const double seconds = state.seen - state.entered;
      result.inside.push_back(id);
      result.dwell.emplace(id, seconds);
      const auto limit = find_limit(found, state.class_id);
      if (!limit || seconds < *limit) continue;
      result.loitering.push_back(id);
      if (!std::exchange(state.loiters, true)) result.loitered.push_back(id);
    }
    return result;
  }

  /// Warns if a zone in pixels is outside of the frame, or if the frame size changes.
  void check_place(std::string_view node, PictureSize size, int source) {
    if (options_.relative) return;
    placement_.see(
        {.node = node, .what = who_, .advice = "pass relative=True, or set its zones again for that size"},
        options_.corners, size, source);
  }
  void forget(int source) {
    sources_.erase(source);
    placement_.forget(source);
  }
  /// Takes effect at the next update(). Counts continue.
  void change(const Zone& to) {
    options_ = to.options_;
    placement_ = {};
    for (auto& [source, of] : sources_) {
      of.is_moved = true;
      of.things.remember(time_to_remember());
    }
  }

 private:
  struct OfSource {
    Sightings<ZoneState> things;
    std::set<std::int64_t> inside;  // ids of `things` inside the zone; usually only a few
    ZoneCounts counts;
    PictureSize size;
    std::optional<Polygon> area;
    bool is_moved = false;  // the zone has moved since the last sample
  };

  OfSource& get_source(int source, PictureSize size) {
    auto& counted = sources_[source];
    const bool other_size = options_.relative && size != counted.size;
    if (counted.area && !other_size && !counted.is_moved) return counted;
    const bool is_first = !counted.area;
    auto corners = corners_in(size);
    // Throws for a zone smaller than a pixel, before anything is changed.
    counted.area = Polygon(who_.c_str(), corners);
    counted.counts.corners = std::move(corners);
    const auto before = std::exchange(counted.size, size);
    if (is_first) {
      counted.things = Sightings<ZoneState>(time_to_remember());
      counted.inside.clear();
      return counted;
    }
    if (!other_size || before.width <= 0) return counted;
    for (auto& [id, state] : counted.things.all()) {  // scale the positions to the new image size
      state.x *= static_cast<double>(size.width) / before.width;
      state.y *= static_cast<double>(size.height) / before.height;
      if (counted.is_moved) continue;
      state.depth = counted.area->depth(state.x, state.y);
      note(counted, id, state);
    }
    return counted;
  }
  // Longer than max_gap, after which an object no longer counts as inside.
  [[nodiscard]] double time_to_remember() const noexcept { return std::max(600.0, 2 * options_.max_gap); }
  [[nodiscard]] std::vector<Point> corners_in(PictureSize size) const {
    return options_.relative ? scaled(who_.c_str(), options_.corners, size) : options_.corners;
  }
  [[nodiscard]] std::optional<double> find_limit(const Circles& /*found*/, int /*class_id*/) const {
    return options_.loiter_after;
  }
  [[nodiscard]] std::optional<double> find_limit(const Detections& found, int class_id) const {
    if (options_.loiter_after_of.empty()) return options_.loiter_after;
    const auto limit = options_.loiter_after_of.find(class_name(found.names, class_id));
    return limit == options_.loiter_after_of.end() ? options_.loiter_after : limit->second;
  }
  /// Throws Error if loiter_after_of contains a class that no object can have.
  void check_loiter(const Circles& /*found*/) const {
    if (options_.loiter_after_of.empty()) return;
    throw Error(who_ + " has loiter_after= for classes, but circles have none: pass one number of seconds");
  }
  void check_loiter(const Detections& found) const {
    for (const auto& [name, seconds] : options_.loiter_after_of)
      check_class(who_ + " has loiter_after= for the class", name, found);
  }
  void see(OfSource& counted, const Sighting& seen) const {
    auto& [things, inside, counts, size, area, is_moved] = counted;
    if (!std::isfinite(seen.x) || !std::isfinite(seen.y)) return;
    ZoneState now{.seen = things.now(),
                  .x = seen.x,
                  .y = seen.y,
                  .depth = area->depth(seen.x, seen.y),
                  .class_id = seen.class_id,
                  .entered = things.now(),
                  .inside = things.now()};
    const double margin = choose_margin(options_.margin, seen);
    const bool clear = std::abs(now.depth) > margin;
    const int side = now.depth > 0 ? 1 : -1;
    ZoneState* const before = things.find(seen.id);
    const bool has_left = before != nullptr && before->gone && before->side > 0 && clear && side < 0;
    if (before == nullptr || (before->gone && !has_left)) {
      now.side = clear ? side : 0;
      counts.appeared += now.side > 0;
      note(counted, seen.id, now);
      if (before != nullptr) {
        *before = now;
      } else {
        things.add(seen.id, now);
      }
      return;
    }
    now.side = clear ? side : before->side;
    now.entered = before->entered;
    now.inside = now.depth > 0 ? now.seen : before->inside;
    now.loiters = before->loiters;
    counts.appeared += before->side == 0 && now.side > 0;
    ZoneStep step(seen.id, *before, now, *area);
    if (clear && before->side != 0) step.count(margin, counts);
    note(counted, seen.id, now);
    *before = now;
  }
  static void note(OfSource& counted, std::int64_t id, const ZoneState& state) {
    if (state.is_inside()) {
      counted.inside.insert(id);
    } else {
      counted.inside.erase(id);
    }
  }
  /// Call after the zone was moved: determines who is inside.
  static void begin_again(OfSource& counted) {
    // An object that is now on the other side is treated as if seen for the first time.
    for (auto& [id, state] : counted.things.all()) {
      state.depth = counted.area->depth(state.x, state.y);
      if (state.gone || (state.depth > 0) == counted.inside.contains(id)) continue;
      if (counted.inside.erase(id) > 0 && state.side != 0) end_as_lost(counted.counts, id, state);
      state.gone = true;
      state.side = 0;
    }
  }
  static void end_as_lost(ZoneCounts& counts, std::int64_t id, const ZoneState& state) {
    counts.lost += 1;
    counts.visits.push_back({.id = id,
                             .class_id = state.class_id,
                             .first_pts = state.entered,
                             .last_pts = std::max(state.entered, state.inside),
                             .reason = Visit::End::Lost});
  }
  /// Ends the visits of the objects for which `is_lost(state)` holds.
  template <class IsLost>
  static void lose(OfSource& counted, const IsLost& is_lost) {
    std::erase_if(counted.inside, [&](std::int64_t id) {
      auto* const state = counted.things.find(id);
      if (state == nullptr) return true;
      if (!is_lost(*state)) return false;
      state->gone = true;
      if (state->side != 0)
        end_as_lost(counted.counts, id,
                    // an object without a side has been on the border throughout, which is not a visit
                    *state);
      return true;
    });
  }

  std::string who_;
  ZoneOptions options_;
  std::map<int, OfSource> sources_;
  Placement placement_;
};

}  // namespace freshframe::vision

namespace freshframe {

void ZoneCounts::absorb(std::span<const ZoneCounts* const> older) {
  vision::absorb_events(*this, older, &ZoneCounts::crossings);
  vision::absorb_events(*this, older, &ZoneCounts::visits);
  vision::absorb_events(*this, older, &ZoneCounts::loitered);
}

struct ZoneCounter::Impl {
  using Named = std::vector<std::pair<std::string, vision::Zone>>;

  explicit Impl(const std::vector<NamedZone>& given) : zones(check_zones(given)) {}

  static Named check_zones(const std::vector<NamedZone>& given) {
    if (given.empty() || given.size() > kMost) {
      throw OptionError("ZoneCounter needs 1 to " + std::to_string(kMost) + " zones, got " +
                        std::to_string(given.size()));
    }
    Named named;
    for (const auto& [name, options] : given) {
      if (std::ranges::find(named, name, &Named::value_type::first) != named.end())
        throw OptionError("ZoneCounter needs a different name for each zone, got '" + name + "' twice");
      named.emplace_back(name, vision::Zone("the zone '" + name + "'", options));
    }
    return named;
  }

  void take_next() {
    auto given = next.take();
    if (!given) return;
    for (auto& [name, zone] : *given) {
      const auto before = std::ranges::find(zones, name, &Named::value_type::first);
      if (before == zones.end()) continue;
      before->second.change(zone);
      zone = std::move(before->second);
    }
    zones = *std::move(given);
  }

  template <class Found>
  Zones update(std::string_view node, const Found& found, double pts, int source, PictureSize size) {
    take_next();
    for (auto& [name, zone] : zones) zone.check_place(node, size, source);
    Zones counts;
    for (auto& [name, zone] : zones) counts.zones.emplace_back(name, zone.update(found, pts, source, size));
    counts.tracks = found;
    return counts;
  }

  template <class Found>
  Zones process(const Sample<Found>& sample, const Context& context) {
    return update(context.node, sample.value, sample.stamp.pts, sample.stamp.source,
                  vision::size_of(sample.frame));
  }

  vision::NextValue<Named> next;
  Named zones;  // used on the node's thread
};

bool Zones::has_events() const noexcept {
  return std::ranges::any_of(zones, [](const auto& each) { return each.second.has_events(); });
}

void Zones::absorb(std::span<const Zones* const> older) {
  for (auto& [name, counts] : zones) {
    std::vector<const ZoneCounts*> same;
    for (const auto* each : older) {
      const auto found = std::ranges::find(each->zones, name, &std::pair<std::string, ZoneCounts>::first);
      if (found != each->zones.end()) same.push_back(&found->second);
    }
    counts.absorb(same);
  }
}

ZoneCounter::ZoneCounter(const std::vector<NamedZone>& zones) : impl_(std::make_unique<Impl>(zones)) {}
ZoneCounter::~ZoneCounter() = default;

void ZoneCounter::set_zones(const std::vector<NamedZone>& zones) {
  impl_->next.set(Impl::check_zones(zones));
}

void ZoneCounter::source_gone(int source) {
  for (auto& [name, zone] : impl_->zones) zone.forget(source);
}

Zones ZoneCounter::update(const Circles& found, double pts, int source, PictureSize size) {
  return impl_->update(default_name(), found, pts, source, size);
}
Zones ZoneCounter::update(const Detections& found, double pts, int source, PictureSize size) {
  return impl_->update(default_name(), found, pts, source, size);
}
std::optional<Zones> ZoneCounter::process(const Sample<Circles>& sample, const Context& context) {
  return impl_->process(sample, context);
}
std::optional<Zones> ZoneCounter::process(const Sample<Detections>& sample, const Context& context) {
  return impl_->process(sample, context);
}

}  // namespace freshframe

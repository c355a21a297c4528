// The nodes that count objects in one zone and in several.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/counting.hpp"
#include "freshframe/error.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "vision/counting/placement.hpp"
#include "vision/counting/sightings.hpp"
#include "vision/counting/zone.hpp"
#include "vision/next_value.hpp"

namespace freshframe {

struct ZoneCounter::Impl {
  explicit Impl(const ZoneCounterOptions& given) : options(given), zone(kWho, given) {}

  void take_next() {
    if (const auto given = next.take()) zone.change(*given);
  }

  template <class Found>
  ZoneCounts update(const Found& found, double pts, int source, PictureSize size) {
    take_next();
    auto counts = zone.update(found, pts, source, size);
    counts.tracks = found;
    return counts;
  }

  template <class Found>
  ZoneCounts process(const Sample<Found>& sample, const Context& context) {
    take_next();
    zone.check_place(sample.frame, sample.stamp.source, context);
    return update(sample.value, sample.stamp.pts, sample.stamp.source, vision::size_of(sample.frame));
  }

  static constexpr const char* kWho = "ZoneCounter";

  const ZoneCounterOptions options;
  vision::NextValue<vision::Zone> next;
  vision::Zone zone;  // of the node's thread
};

void ZoneCounts::absorb(std::span<const ZoneCounts* const> older) {
  vision::absorb_events(*this, older, &ZoneCounts::crossings);
  vision::absorb_events(*this, older, &ZoneCounts::visits);
  vision::absorb_events(*this, older, &ZoneCounts::loitered);
}

ZoneCounter::ZoneCounter(const ZoneCounterOptions& options) : impl_(std::make_unique<Impl>(options)) {}
ZoneCounter::~ZoneCounter() = default;

void ZoneCounter::set_corners(std::vector<Point> corners) {
  auto options = impl_->options;
  options.corners = std::move(corners);
  impl_->next.set(vision::Zone(Impl::kWho, options));
}

void ZoneCounter::source_gone(int source) {
  impl_->zone.forget(source);
}

ZoneCounts ZoneCounter::update(const Circles& found, double time, int source, PictureSize size) {
  return impl_->update(found, time, source, size);
}
ZoneCounts ZoneCounter::update(const Detections& found, double time, int source, PictureSize size) {
  return impl_->update(found, time, source, size);
}
std::optional<ZoneCounts> ZoneCounter::process(const Sample<Circles>& sample, const Context& context) {
  return impl_->process(sample, context);
}
std::optional<ZoneCounts> ZoneCounter::process(const Sample<Detections>& sample, const Context& context) {
  return impl_->process(sample, context);
}

struct Zones::Impl {
  using Named = std::vector<std::pair<std::string, vision::Zone>>;

  explicit Impl(const std::vector<NamedZone>& given) : zones(checked(given)) {}

  static Named checked(const std::vector<NamedZone>& given) {
    if (given.empty() || given.size() > kMost) {
      throw OptionError("Zones needs 1 to " + std::to_string(kMost) + " zones, got " +
                        std::to_string(given.size()));
    }
    Named named;
    for (const auto& [name, options] : given) {
      if (std::ranges::find(named, name, &Named::value_type::first) != named.end())
        throw OptionError("Zones needs names that differ, got '" + name + "' twice");
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
  ZonesCounts update(const Found& found, double pts, int source, PictureSize size) {
    take_next();
    ZonesCounts counts;
    for (auto& [name, zone] : zones) counts.zones.emplace_back(name, zone.update(found, pts, source, size));
    counts.tracks = found;
    return counts;
  }

  template <class Found>
  ZonesCounts process(const Sample<Found>& sample, const Context& context) {
    take_next();
    for (auto& [name, zone] : zones) zone.check_place(sample.frame, sample.stamp.source, context);
    return update(sample.value, sample.stamp.pts, sample.stamp.source, vision::size_of(sample.frame));
  }

  vision::NextValue<Named> next;
  Named zones;  // of the node's thread
};

bool ZonesCounts::has_events() const noexcept {
  return std::ranges::any_of(zones, [](const auto& each) { return each.second.has_events(); });
}

void ZonesCounts::absorb(std::span<const ZonesCounts* const> older) {
  for (auto& [name, counts] : zones) {
    std::vector<const ZoneCounts*> same;
    for (const auto* each : older) {
      const auto found = std::ranges::find(each->zones, name, &std::pair<std::string, ZoneCounts>::first);
      if (found != each->zones.end()) same.push_back(&found->second);
    }
    counts.absorb(same);
  }
}

Zones::Zones(const std::vector<NamedZone>& zones) : impl_(std::make_unique<Impl>(zones)) {}
Zones::~Zones() = default;

void Zones::set_zones(const std::vector<NamedZone>& zones) {
  impl_->next.set(Impl::checked(zones));
}

void Zones::source_gone(int source) {
  for (auto& [name, zone] : impl_->zones) zone.forget(source);
}

ZonesCounts Zones::update(const Circles& found, double time, int source, PictureSize size) {
  return impl_->update(found, time, source, size);
}
ZonesCounts Zones::update(const Detections& found, double time, int source, PictureSize size) {
  return impl_->update(found, time, source, size);
}
std::optional<ZonesCounts> Zones::process(const Sample<Circles>& sample, const Context& context) {
  return impl_->process(sample, context);
}
std::optional<ZonesCounts> Zones::process(const Sample<Detections>& sample, const Context& context) {
  return impl_->process(sample, context);
}

}  // namespace freshframe

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

namespace freshframe {

struct ZoneCounter::Impl {
  template <class Found>
  ZoneCounts update(const Found& found, double pts, int source, PictureSize size) {
    auto counts = zone.update(found, pts, source, size);
    counts.tracks = found;
    return counts;
  }

  template <class Found>
  ZoneCounts process(const Sample<Found>& sample, const Context& context) {
    zone.check_place(sample.frame, sample.stamp.source, context);
    return update(sample.value, sample.stamp.pts, sample.stamp.source, vision::size_of(sample.frame));
  }

  vision::Zone zone;
};

void ZoneCounts::absorb(std::span<const ZoneCounts* const> older) {
  vision::absorb_events(*this, older, &ZoneCounts::crossings);
  vision::absorb_events(*this, older, &ZoneCounts::visits);
  vision::absorb_events(*this, older, &ZoneCounts::loitered);
}

ZoneCounter::ZoneCounter(const ZoneCounterOptions& options)
    : impl_(std::make_unique<Impl>(Impl{vision::Zone("ZoneCounter", options)})) {}
ZoneCounter::~ZoneCounter() = default;

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
  template <class Found>
  ZonesCounts update(const Found& found, double pts, int source, PictureSize size) {
    ZonesCounts counts;
    for (auto& [name, zone] : zones) counts.zones.emplace_back(name, zone.update(found, pts, source, size));
    counts.tracks = found;
    return counts;
  }

  template <class Found>
  ZonesCounts process(const Sample<Found>& sample, const Context& context) {
    for (auto& [name, zone] : zones) zone.check_place(sample.frame, sample.stamp.source, context);
    return update(sample.value, sample.stamp.pts, sample.stamp.source, vision::size_of(sample.frame));
  }

  std::vector<std::pair<std::string, vision::Zone>> zones;
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

Zones::Zones(const std::vector<NamedZone>& zones) : impl_(std::make_unique<Impl>()) {
  if (zones.empty() || zones.size() > kMost) {
    throw OptionError("Zones needs 1 to " + std::to_string(kMost) + " zones, got " +
                      std::to_string(zones.size()));
  }
  for (const auto& [name, options] : zones) {
    if (std::ranges::find(impl_->zones, name, &std::pair<std::string, vision::Zone>::first) !=
        impl_->zones.end())
      throw OptionError("Zones needs names that differ, got '" + name + "' twice");
    impl_->zones.emplace_back(name, vision::Zone("the zone '" + name + "'", options));
  }
}
Zones::~Zones() = default;

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

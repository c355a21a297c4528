// The result of a ZoneCounter.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/results.hpp"
#include "freshframe/sample.hpp"
#include "freshframe/zone_counts.hpp"

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace freshframe {

/// The counts of all zones of a ZoneCounter.
struct Zones {
  std::vector<std::pair<std::string, ZoneCounts>> zones = {};  // in the order of ZoneCounter's zones
  std::variant<Circles, Detections> tracks = {};

  [[nodiscard]] bool has_events() const noexcept;
  void absorb(std::span<const Zones* const> older);
};
template <>
inline constexpr std::string_view kTypeName<Zones> = "Zones";

}  // namespace freshframe

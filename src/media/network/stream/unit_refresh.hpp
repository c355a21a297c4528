// What a picture refers to, by its units.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "media/network/stream/damage.hpp"
#include "media/units/unit_facts.hpp"

namespace freshframe::media {

/// The refresh of a picture, all of whose slices are among the units.
[[nodiscard]] inline Refresh refresh_of(const UnitFacts& facts) noexcept {
  if (facts.fresh) return Refresh::All;
  if (facts.recovery) return Refresh::Point;
  return facts.can_begin() ? Refresh::Alone : Refresh::None;
}

}  // namespace freshframe::media

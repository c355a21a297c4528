// An object's crossing of a line or of a zone's border.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/results.hpp"

#include <cstdint>

namespace freshframe {

/// An object that crossed a line or a zone's border.
struct Crossing {
  std::int64_t id = 0;
  int class_id = 0;
  bool forward = true;  // true for entering a zone, false for leaving it; see LineCounts for a line
  Point point = {};     // interpolated between the two sightings
  double pts = 0;       // in seconds, interpolated like `point`
};

}  // namespace freshframe

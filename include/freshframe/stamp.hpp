// The origin of a sample.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/utc.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace freshframe {

/// Where a sample comes from: its number, its timestamps and its source. Results computed from it inherit the
/// stamp.
struct Stamp {
  std::int64_t seq = 0;  // number at the source, from 0
  double pts = 0;        // presentation time, in seconds since the start of the source
  TimePoint captured{};  // monotonic time when the device, file or network delivered the sample
  int source = -1;       // index of the source node, see Pipeline::node_name()
  bool damaged = false;  // see Frame::is_damaged()
  std::shared_ptr<const std::string> path = {};  // the file of this sample in an image sequence, or null
  Utc utc = {};                                  // wall time of the capture
  int part = 0;  // index among the results that one node emitted with this seq, from 0
  /// Seconds of `pts` per second, see SourceStats::pace.
  float pace = 1;
};

}  // namespace freshframe

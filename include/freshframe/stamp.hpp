// The origin of a sample.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/utc.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace freshframe {

/// The origin of a sample: number, times and source. Results that are computed from the sample inherit it.
struct Stamp {
  std::int64_t seq = 0;  // number at the source, from 0
  double pts = 0;        // seconds in the source's own time
  TimePoint captured{};  // monotonic time at which device, file or network delivered it
  int source = -1;       // index of the source node, see Pipeline::node_name()
  bool damaged = false;  // its frame is, see Frame::is_damaged()
  std::shared_ptr<const std::string> path = {};  // path of a picture in a sequence, or null
  Utc utc = {};                                  // wall time of the capture
  int part = 0;  // number among the results that one node gave with this seq, from 0
};

}  // namespace freshframe

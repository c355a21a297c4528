// A finished segment of a recording.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/utc.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace freshframe {

/// A finished file of a recording; see VideoFile::next_segment().
struct Segment {
  std::string path;
  double first_pts = 0;                  // pts of the first frame, in seconds
  double last_pts = 0;                   // pts of the last frame, in seconds
  std::optional<double> first_utc = {};  // Unix time of the first frame (Stamp::utc)
  std::optional<double> last_utc = {};   // Unix time of the last frame
  UtcFrom utc_from = UtcFrom::None;      // the clock that first_utc was read from; later frames may differ
  std::uint64_t size_bytes = 0;
  std::uint64_t frames = 0;
  std::uint64_t damaged = 0;  // damaged frames (Stamp::damaged)
  /// (pts, pts) of every pause of more than a second between two frames.
  std::vector<std::pair<double, double>> gaps = {};
};

}  // namespace freshframe

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

/// A finished segment of a recording.
struct Segment {
  std::string path;
  double first_pts = 0;                  // time of its first frame, in the source's own seconds
  double last_pts = 0;                   // time of its last frame
  std::optional<double> first_utc = {};  // Unix time of its first frame (Stamp::utc)
  std::optional<double> last_utc = {};   // Unix time of its last frame
  UtcFrom utc_from = UtcFrom::None;      // the clock of first_utc; a later frame may have another one
  std::uint64_t size_bytes = 0;          // length of the file
  std::uint64_t frames = 0;
  std::uint64_t damaged = 0;  // frames with a lost part, or after one (Stamp::damaged)
  /// (pts, pts): no frame for more than a second between them.
  std::vector<std::pair<double, double>> gaps = {};
};

}  // namespace freshframe

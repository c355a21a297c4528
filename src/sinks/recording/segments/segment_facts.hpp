// Statistics about the file that is being written.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

namespace freshframe::media {

/// A frame counts once it is safely in the file, so that a file cut short by a failure is described
/// correctly. Not thread-safe.
class SegmentFacts {
 public:
  /// Frames are `seconds` apart: only longer pauses are gaps.
  void expect_gaps(double seconds) { shortest_gap_ = std::max(kShortestGap, kUsual * seconds); }
  /// Adds a frame, in display order.
  void note(const Stamp& stamp) { unsafe_.push_back(stamp); }
  /// Marks the first `count` frames of the file as safe.
  void keep(std::uint64_t count) {
    for (; facts_.frames < count && !unsafe_.empty(); unsafe_.pop_front()) add(unsafe_.front());
  }
  /// Marks all frames so far as safe.
  void keep_all() { keep(facts_.frames + unsafe_.size()); }
  /// Drops the frames that are not safe. Returns their number.
  [[nodiscard]] std::uint64_t drop_unsafe() noexcept {
    const auto lost = unsafe_.size();
    unsafe_.clear();
    return lost;
  }
  /// Returns the statistics and resets them.
  [[nodiscard]] Segment take(std::string path, std::uint64_t bytes) {
    Segment result = std::exchange(facts_, {});
    result.path = std::move(path);
    result.size_bytes = bytes;
    usual_ = 0;
    return result;
  }

 private:
  void add(const Stamp& stamp) {
    const double step = stamp.pts - facts_.last_pts;
    if (facts_.frames == 0) {
      facts_.first_pts = stamp.pts;
    } else if (step > shortest_gap_ && step > kUsual * usual_) {
      facts_.gaps.emplace_back(facts_.last_pts, stamp.pts);
    } else {
      usual_ = step;
    }
    ++facts_.frames;
    if (stamp.damaged) ++facts_.damaged;
    facts_.last_pts = stamp.pts;
    if (stamp.utc.from == UtcFrom::None) return;
    if (!facts_.first_utc) {
      facts_.first_utc = stamp.utc.seconds;
      facts_.utc_from = stamp.utc.from;
    }
    facts_.last_utc = stamp.utc.seconds;
  }

  static constexpr double kShortestGap = 1;  // seconds; shorter pauses are not gaps
  static constexpr double kUsual = 3;        // a gap is longer than this number of frame intervals

  std::deque<Stamp> unsafe_;  // a second of frames plus the encoder's delay
  Segment facts_;
  double shortest_gap_ = kShortestGap;
  double usual_ = 0;  // last frame interval in seconds, not counting gaps
};

}  // namespace freshframe::media

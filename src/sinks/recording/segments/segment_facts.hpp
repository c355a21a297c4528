// The facts about the file that is being written.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

namespace freshframe::media {

/// A picture counts once it is safe in the file, so that a file that a failure has cut is described as it is. One thread.
class SegmentFacts {
 public:
  /// A picture that goes into the file, in the order of display.
  void note(const Stamp& stamp) { unsafe_.push_back(stamp); }
  /// The first `count` pictures of the file are safe.
  void keep(std::uint64_t count) {
    for (; facts_.frames < count && !unsafe_.empty(); unsafe_.pop_front()) add(unsafe_.front());
  }
  /// All pictures so far are safe.
  void keep_all() { keep(facts_.frames + unsafe_.size()); }
  /// Forgets the pictures that are not safe. Returns their number.
  [[nodiscard]] std::uint64_t drop_unsafe() noexcept {
    const auto lost = unsafe_.size();
    unsafe_.clear();
    return lost;
  }
  /// The facts so far. They are empty afterwards.
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
    } else if (step > kShortestGap && step > kUsual * usual_) {
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

  static constexpr double kShortestGap = 1;  // seconds
  static constexpr double kUsual = 3;        // times the distance of two pictures

  std::deque<Stamp> unsafe_;  // a second of pictures, and an encoder's delay
  Segment facts_;
  double usual_ = 0;  // seconds between the last two pictures without a gap
};

}  // namespace freshframe::media

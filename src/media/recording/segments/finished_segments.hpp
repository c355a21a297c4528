// Finished segments, from a recorder to the thread that calls on_segment.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"
#include "freshframe/mutex.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

namespace freshframe::media {

// The facts about the segment that is being written.

/// One thread.
class SegmentFacts {
 public:
  /// A picture that goes into the segment, in the order of display.
  void note(const Stamp& stamp) {
    const double step = stamp.pts - facts_.last_pts;
    if (facts_.frames == 0) {
      facts_.pts = stamp.pts;
    } else if (step > kShortestGap && step > kUsual * usual_) {
      facts_.gaps.emplace_back(facts_.last_pts, stamp.pts);
    } else {
      usual_ = step;
    }
    ++facts_.frames;
    if (stamp.damaged) ++facts_.damaged;
    facts_.last_pts = stamp.pts;
    if (stamp.utc.from == UtcFrom::None) return;
    if (!facts_.first_utc) facts_.first_utc = stamp.utc.seconds;
    facts_.last_utc = stamp.utc.seconds;
  }

  /// The facts so far. They are empty afterwards.
  [[nodiscard]] Segment take(std::string path, std::uint64_t bytes) {
    Segment result = std::exchange(facts_, {});
    result.path = std::move(path);
    result.bytes = bytes;
    usual_ = 0;
    return result;
  }

 private:
  static constexpr double kShortestGap = 1;  // seconds
  static constexpr double kUsual = 3;        // times the distance of two pictures

  Segment facts_;
  double usual_ = 0;  // seconds between the last two pictures without a gap
};

/// Thread-safe. Bounded: of a receiver that never returns, the oldest are forgotten.
class FinishedSegments {
 public:
  /// Returns false if the oldest one had to go.
  bool add(Segment segment) {
    constexpr std::size_t kMost = 10000;
    const Lock lock(mutex_);
    segments_.push_back(std::move(segment));
    changed_.notify_one();
    if (segments_.size() <= kMost) return true;
    segments_.pop_front();
    return false;
  }
  /// There will be no more.
  void close() {
    const Lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  /// Waits for the next one. nullopt: it is closed, and all were taken.
  [[nodiscard]] std::optional<Segment> next() {
    const Lock lock(mutex_);
    changed_.wait(mutex_, [&]() FRESHFRAME_THREAD_SAFETY(no_thread_safety_analysis) {
      return closed_ || !segments_.empty();
    });
    if (segments_.empty()) return std::nullopt;
    Segment first = std::move(segments_.front());
    segments_.pop_front();
    return first;
  }

 private:
  Mutex mutex_;
  Condition changed_;
  std::deque<Segment> segments_ FRESHFRAME_GUARDED_BY(mutex_);
  bool closed_ FRESHFRAME_GUARDED_BY(mutex_) = false;
};

}  // namespace freshframe::media

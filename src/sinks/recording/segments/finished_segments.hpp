// Finished segments, from a recorder to the thread that calls on_segment.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"
#include "freshframe/mutex.hpp"

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

namespace freshframe::media {

/// Thread-safe. Bounded: of a receiver that never returns, the oldest are forgotten.
class FinishedSegments {
 public:
  /// Returns false if the oldest one had to go.
  [[nodiscard]] bool add(Segment segment) {
    constexpr std::size_t kMost = 10000;
    const Lock lock(mutex_);
    segments_.push_back(std::move(segment));
    changed_.notify_one();
    if (segments_.size() <= kMost) return true;
    segments_.pop_front();
    return false;
  }
  /// Ends the list: nothing follows.
  void close() {
    const Lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  /// Waits for the next one. nullopt means it is closed, and all were taken.
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

// Passes finished segments from a recorder to the thread that calls on_segment.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"
#include "freshframe/mutex.hpp"

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

namespace freshframe::media {

/// Thread-safe. Bounded: if on_segment never returns, the oldest segments are dropped.
class FinishedSegments {
 public:
  /// Returns false if the oldest segment was dropped.
  [[nodiscard]] bool add(Segment segment) {
    constexpr std::size_t kMost = 10000;
    const Lock lock(mutex_);
    segments_.push_back(std::move(segment));
    changed_.notify_one();
    if (segments_.size() <= kMost) return true;
    segments_.pop_front();
    return false;
  }
  /// Ends the queue.
  void close() {
    const Lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  /// Waits for the next segment. Returns nullopt after close(), once all have been returned.
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

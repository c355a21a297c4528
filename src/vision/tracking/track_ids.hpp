// Keeps ids unique across sources and across replaced trackers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

namespace freshframe::vision {

/// Sources present from the start each count from 1. A later source may have the name of a removed one, and a
/// tracker that replaces another has the same consumers, so these continue after the highest id used, to
/// avoid reusing an id for another object.
class TrackIds {
 public:
  /// A new source must use ids above this one.
  [[nodiscard]] std::int64_t last_used() const {
    return std::max(of_gone_, before_ ? before_->load(std::memory_order_acquire) : 0);
  }
  /// Must be called after each sample, with the last id of its source.
  void use(std::int64_t last) {
    if (last > largest_->load(std::memory_order_relaxed)) largest_->store(last, std::memory_order_release);
  }
  void source_gone(std::int64_t last) { of_gone_ = std::max(of_gone_, last); }
  /// Continues after the ids of another tracker, which may still be running. Must be called before the first
  /// sample.
  void follow(const TrackIds& before) {
    before_ = before.largest_;
    use(before_->load(std::memory_order_acquire));
  }

 private:
  std::int64_t of_gone_ = 0;
  std::shared_ptr<std::atomic<std::int64_t>> largest_ = std::make_shared<std::atomic<std::int64_t>>(0);
  std::shared_ptr<const std::atomic<std::int64_t>> before_;  // the last id used by the replaced tracker
};

}  // namespace freshframe::vision

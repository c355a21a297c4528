// Keeps the ids of a tracker unique beyond the life of a source and of the tracker itself.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

namespace freshframe::vision {

/// Sources that are there from the beginning each count from 1. A source that comes after another has gone may have
/// its name, and the results of a tracker that replaces another go to the same consumers: both would otherwise give
/// an id to a second object.
class TrackIds {
 public:
  /// The last id that a new source must not use.
  [[nodiscard]] std::int64_t last_used() const {
    return std::max(of_gone_, before_ ? before_->load(std::memory_order_acquire) : 0);
  }
  /// Call it after each sample, with the last id of its source.
  void use(std::int64_t last) {
    if (last > largest_->load(std::memory_order_relaxed)) largest_->store(last, std::memory_order_release);
  }
  void source_gone(std::int64_t last) { of_gone_ = std::max(of_gone_, last); }
  /// Goes on after the ids of another tracker, which may still be running. Call it before the first sample.
  void follow(const TrackIds& before) {
    before_ = before.largest_;
    use(before_->load(std::memory_order_acquire));
  }

 private:
  std::int64_t of_gone_ = 0;
  std::shared_ptr<std::atomic<std::int64_t>> largest_ = std::make_shared<std::atomic<std::int64_t>>(0);
  std::shared_ptr<const std::atomic<std::int64_t>> before_;  // of the tracker that this one replaced
};

}  // namespace freshframe::vision

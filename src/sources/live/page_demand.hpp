// Tracks whether a web page wants the frames of a source.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/mutex.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "core/watch/picture_tap.hpp"

namespace freshframe::media {

/// A requested frame counts as demand until it arrives. Pages request frames repeatedly, so demand lasts for
/// some more seconds.
class PageDemand {
 public:
  static constexpr Seconds kLast{5};

  /// Thread-safe.
  void add(const std::shared_ptr<const core::PictureTap>& tap) {
    const Lock lock(mutex_);
    std::erase_if(taps_, [](const auto& each) { return each.expired(); });
    taps_.push_back(tap);
  }

  /// Returns true if a page may request frames.
  [[nodiscard]] bool may_come() const {
    const Lock lock(mutex_);
    return std::ranges::any_of(taps_, [](const auto& each) { return !each.expired(); });
  }
  /// Passes on a frame that is not delivered, for observers of the source.
  void tell(const Frame& picture) const {
    std::vector<std::shared_ptr<const core::PictureTap>> taps;
    {
      const Lock lock(mutex_);
      for (const auto& each : taps_) taps.push_back(each.lock());
    }
    for (const auto& tap : taps) {
      if (tap) tap->tell(picture);
    }
  }
  /// Call on one thread, often enough to notice each request.
  [[nodiscard]] bool any(TimePoint now) {
    const Lock lock(mutex_);
    const bool asked = std::ranges::any_of(taps_, [](const auto& each) {
      const auto tap = each.lock();
      return tap && tap->is_asked();
    });
    if (asked) until_ = now + to_duration(kLast);
    return until_ && now < *until_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::weak_ptr<const core::PictureTap>> taps_ FRESHFRAME_GUARDED_BY(mutex_);
  std::optional<TimePoint> until_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::media

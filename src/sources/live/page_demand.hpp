// Whether a page wants the pictures of a source.
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

/// A picture that is asked for is a demand, however long it takes to come. A page asks again and again, so a demand
/// counts for some seconds more.
class PageDemand {
 public:
  static constexpr Seconds kLast{5};

  /// Any thread.
  void add(const std::shared_ptr<const core::PictureTap>& tap) {
    const Lock lock(mutex_);
    std::erase_if(taps_, [](const auto& each) { return each.expired(); });
    taps_.push_back(tap);
  }

  /// Whether a page may ask.
  [[nodiscard]] bool may_come() const {
    const Lock lock(mutex_);
    return std::ranges::any_of(taps_, [](const auto& each) { return !each.expired(); });
  }
  /// A picture that is not sent, for those who follow the samples of the source.
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
  /// One thread, often enough to see each picture that is asked for.
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

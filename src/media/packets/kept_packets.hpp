// Keeps the packets since a source's last keyframe, for viewers that join at any time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/packet.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace freshframe::media {

struct KeptPacket {
  Packet packet;
  TimePoint captured{};
  TimePoint received{};
};

/// Without a viewer, only references the packets since the last keyframe, so that a viewer can start
/// immediately. With a viewer, also keeps packets that were not taken yet. One producer thread, one consumer
/// thread.
class KeptPackets {
 public:
  static constexpr std::size_t kMostBytes = 16U << 20U;
  using Hook = std::function<void()>;

  /// `hook` is called on the producer's thread, without a lock, when packets become available. It must be
  /// short, and own what it uses. `clock`: the clock of `captured`.
  KeptPackets(std::shared_ptr<const Clock> clock, Hook hook)
      : clock_(std::move(clock)), hook_(std::move(hook)) {}

  void put(const Packet& packet, TimePoint captured) {
    if (keep({packet, captured, clock_->now()})) hook_();
  }
  /// Makes packets available to take(), starting with those since the last keyframe.
  void watch() {
    const Lock lock(mutex_);
    watched_ = true;
    taken_ = 0;
  }
  /// Undoes watch(): no packets can be taken.
  void unwatch() {
    const Lock lock(mutex_);
    watched_ = false;
  }
  /// Returns the packets that were not taken yet.
  [[nodiscard]] std::vector<KeptPacket> take() {
    const Lock lock(mutex_);
    if (!watched_) return {};
    std::vector<KeptPacket> fresh(packets_.begin() + static_cast<std::ptrdiff_t>(taken_), packets_.end());
    taken_ = packets_.size();
    const auto last_key = std::find_if(packets_.rbegin(), packets_.rend(),
                                       [](const auto& each) { return each.packet.is_keyframe; });
    forget(static_cast<std::size_t>(packets_.rend() - last_key) - (last_key == packets_.rend() ? 0 : 1));
    return fresh;
  }
  /// Call when all viewers have left: the source drops this object.
  void close() noexcept { closed_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool is_closed() const noexcept { return closed_.load(std::memory_order_relaxed); }

 private:
  /// Returns true if the hook is to be called.
  [[nodiscard]] bool keep(KeptPacket item) {
    const Lock lock(mutex_);
    const auto size = item.packet.data.size();
    if (item.packet.is_keyframe) forget(watched_ ? taken_ : packets_.size());
    whole_ = whole_ || item.packet.is_keyframe;
    if (bytes_ + size > kMostBytes) {  // too much data: decoding restarts at the next keyframe
      forget(packets_.size());
      whole_ = false;
    }
    if (!whole_) return false;
    bytes_ += size;
    const bool had_none = taken_ == packets_.size();
    packets_.push_back(std::move(item));
    return watched_ && had_none;
  }
  void forget(std::size_t count) FRESHFRAME_REQUIRES(mutex_) {
    for (; count > 0; --count) {
      bytes_ -= packets_.front().packet.data.size();
      packets_.pop_front();
      if (taken_ > 0) --taken_;
    }
  }

  const std::shared_ptr<const Clock> clock_;
  const Hook hook_;
  mutable Mutex mutex_;
  std::deque<KeptPacket> packets_ FRESHFRAME_GUARDED_BY(mutex_);
  std::size_t taken_ FRESHFRAME_GUARDED_BY(mutex_) = 0;  // number of packets_ that were taken
  std::size_t bytes_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  bool watched_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  bool whole_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // packets_ starts with a keyframe
  std::atomic<bool> closed_{false};
};

}  // namespace freshframe::media

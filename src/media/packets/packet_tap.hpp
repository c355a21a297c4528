// Passes packets from a source's thread to the node that emits them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/mutex.hpp"
#include "freshframe/packet.hpp"

#include <atomic>
#include <cstddef>
#include <deque>
#include <optional>
#include <stop_token>

#include "media/packets/packet_completion.hpp"

namespace freshframe::media {

/// Packets are only useful from a keyframe on. So when full, drops everything that waits, and further packets
/// up to the next keyframe. One producer thread, one consumer thread.
class PacketTap {
 public:
  static constexpr double kMostSeconds = 4;
  static constexpr std::size_t kMostBytes = 32U << 20U;

  /// Adds a packet.
  void put(PacketCompletion::Completed item);
  /// Call when no more packets follow.
  void close();
  /// Call when the tap's node has closed: waiting packets will not be taken.
  void leave();
  [[nodiscard]] bool is_left() const noexcept { return left_; }
  /// Waits for a packet. Returns nullopt if closed and empty, or after a stop.
  [[nodiscard]] std::optional<PacketCompletion::Completed> take(const std::stop_token& stop);
  /// Returns the number of packets dropped since the last call.
  [[nodiscard]] std::uint64_t take_dropped();

 private:
  [[nodiscard]] bool keep(PacketCompletion::Completed item);
  [[nodiscard]] bool is_full(const Packet& next) const FRESHFRAME_REQUIRES(mutex_);

  mutable Mutex mutex_;
  Condition changed_;
  std::deque<PacketCompletion::Completed> packets_ FRESHFRAME_GUARDED_BY(mutex_);
  std::size_t bytes_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  std::uint64_t dropped_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  bool waits_for_key_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  bool closed_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  std::atomic<bool> left_{false};
};

}  // namespace freshframe::media

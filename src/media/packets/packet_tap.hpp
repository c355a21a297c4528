// Packets on their way from a source's thread to the node that emits them.
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

/// A stream of packets is worth something from a key packet on. So when it is full it drops all that waits,
/// and the packets up to the next key packet. One thread puts, one takes.
class PacketTap {
 public:
  static constexpr double kMostSeconds = 4;
  static constexpr std::size_t kMostBytes = 32U << 20U;

  /// The camera's node has opened: this run has packets.
  void put(PacketCompletion::Completed item);
  /// No more packets.
  void close();
  /// Notes that the tap's node has closed: the packets that wait are not taken.
  void leave();
  [[nodiscard]] bool is_left() const noexcept { return left_; }
  /// Waits. nullopt means it is closed and empty, or `stop` was requested.
  [[nodiscard]] std::optional<PacketCompletion::Completed> take(const std::stop_token& stop);
  /// Packets that were dropped since the last call.
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

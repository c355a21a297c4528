// Packets that wait to be sent to a media server, limited by age.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/mutex.hpp"
#include "freshframe/packet.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stop_token>

namespace freshframe::media {

/// Note [Young frames] Over TCP an old frame is not lost. It arrives late, and so do all after it. So a frame
/// that has waited longer than `max_wait` is not sent: the queue drops everything before the newest keyframe
/// that is young enough, or everything, together with what arrives until the next keyframe. Frames are
/// dropped before they are split into packets, so sequence numbers have no gaps. Before the first connection
/// and while connecting, young frames wait for it; after a failure nothing is queued. put() never blocks.
/// Only one thread may call take().
class PublishQueue {
 public:
  struct Item {
    Packet packet;
    TimePoint since{};      // time of put()
    std::uint64_t run = 0;  // see put()
  };
  struct Dropped {
    std::uint64_t away = 0;  // dropped while disconnected, or up to the next keyframe
    std::uint64_t slow = 0;  // dropped while connected, because they were too old
  };
  static constexpr std::size_t kMostBytes = 64U << 20U;

  PublishQueue(const Clock& clock, TimePoint::duration max_wait) : clock_(clock), max_wait_(max_wait) {}

  // Thread-safe.
  /// `run` changes with the source of the frames, and when time goes backwards.
  void put(Packet packet, std::uint64_t run = 0);
  /// Returns true if a keyframe is needed before anything can be sent.
  [[nodiscard]] bool wants_key() const;
  /// Returns true if a frame would be dropped because there is no connection. The frame is then counted as
  /// dropped.
  [[nodiscard]] bool drops_unconnected();
  [[nodiscard]] Dropped count_drops() const;

  // Called on the sending thread.
  /// Queues packets from the next keyframe on, which may already be in the queue.
  void begin_stream();
  /// From now on, counts packets that get too old as dropped by a slow link.
  void note_connection();
  /// Queues nothing until begin_stream().
  void end_stream();
  /// Waits for a packet and returns its stream. Returns null if `stop` was requested.
  [[nodiscard]] std::shared_ptr<const PacketStream> stream(const std::stop_token& stop);
  /// Waits for a packet. Returns nullopt if `stop` was requested.
  [[nodiscard]] std::optional<Item> take(const std::stop_token& stop);
  /// Puts an item back at the front.
  void put_back(Item item);
  /// Counts the packet that was taken as not sent, because its connection was lost.
  void count_unsent();

 private:
  void drop_old() FRESHFRAME_REQUIRES(mutex_);
  void drop_first(std::size_t count) FRESHFRAME_REQUIRES(mutex_);

  const Clock& clock_;
  const TimePoint::duration max_wait_;
  mutable Mutex mutex_;
  Condition changed_;
  std::deque<Item> items_ FRESHFRAME_GUARDED_BY(mutex_);
  std::size_t bytes_ FRESHFRAME_GUARDED_BY(mutex_) = 0;
  bool keeps_ FRESHFRAME_GUARDED_BY(mutex_) = true;
  bool connected_ FRESHFRAME_GUARDED_BY(mutex_) = false;
  bool waits_for_key_ FRESHFRAME_GUARDED_BY(mutex_) = true;
  bool is_slow_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // the keyframe is awaited because of a slow link
  Dropped dropped_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::media

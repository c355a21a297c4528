// Packets on their way to a media server: bounded by their age.
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

/// Note [Young pictures]
/// Over TCP an old picture is not lost, it comes late, and so do all that follow. So a picture that has waited longer
/// than `max_wait` is not sent: all up to the newest keyframe that is young enough are left out, or all that wait, and
/// what comes until the next keyframe. This happens before a picture is cut into packets, so there is no gap
/// in their numbers. Before the first connection and while one is being made, young pictures wait for it; after a
/// failure nothing waits.
///
/// put() never waits. One thread takes.
class PublishQueue {
 public:
  struct Item {
    Packet packet;
    TimePoint since{};      // when it was put
    std::uint64_t run = 0;  // see put()
  };
  struct Dropped {
    std::uint64_t away = 0;  // no connection, or no keyframe since then
    std::uint64_t slow = 0;  // too old, while connected
  };
  static constexpr std::size_t kMostBytes = 64U << 20U;

  PublishQueue(const Clock& clock, TimePoint::duration max_wait) : clock_(clock), max_wait_(max_wait) {}

  // Any thread.
  /// `run` changes with the source of the pictures, and where its time goes back.
  void put(Packet packet, std::uint64_t run = 0);
  /// A keyframe is needed before anything can be sent.
  [[nodiscard]] bool wants_key() const;
  /// A picture that would be dropped for want of a connection. True means it was counted as that.
  [[nodiscard]] bool drops_unconnected();
  [[nodiscard]] Dropped count_drops() const;

  // The sending thread.
  /// Keeps packets from the next keyframe on, which may wait already.
  void begin_stream();
  /// From now on packets that get old are the link's fault.
  void note_connection();
  /// Keeps none until begin_stream().
  void end_stream();
  /// The stream of the first picture that waits. Waits for one. Null means `stop` was requested.
  [[nodiscard]] std::shared_ptr<const PacketStream> stream(const std::stop_token& stop);
  /// Waits. nullopt means `stop` was requested.
  [[nodiscard]] std::optional<Item> take(const std::stop_token& stop);
  /// Is the next one again.
  void put_back(Item item);
  /// The packet that was taken was not sent: its connection was lost.
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
  bool is_slow_ FRESHFRAME_GUARDED_BY(mutex_) = false;  // why it waits for a keyframe
  Dropped dropped_ FRESHFRAME_GUARDED_BY(mutex_);
};

}  // namespace freshframe::media

// Tracks packets whose frames a live source's decoder still holds, and what is known of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "media/ffmpeg/read/h264_order.hpp"

namespace freshframe::media {

/// Decoders return frames in timestamp order. So once a frame is returned, earlier ones have been returned or
/// never will be. But some servers (live555) send timestamps in decoding order although frames are shown in
/// another order. There, frames count as lost only after more later frames than a decoder holds back. Not
/// thread-safe.
class HeldPackets {
 public:
  struct Held {
    TimePoint captured{};        // capture time, passed on to the frame
    std::optional<double> time;  // timestamp; nullopt if packets are ordered by arrival
    bool torn = false;           // see PictureNotes
    bool damaged = false;
    std::uint64_t missing = 0;  // see PacketNotes
    std::uint64_t dropped = 0;
    bool repeated = false;  // see PacketNotes
  };
  struct Taken {
    bool torn = false;
    bool repeated = false;
    std::size_t held = 0;  // packets still in the decoder
    bool damaged = false;
    std::uint64_t missing = 0;  // packets missing up to this frame
    std::uint64_t dropped = 0;
    std::uint64_t failed = 0;  // earlier frames that the decoder did not return
  };

  /// Call for each packet sent to the decoder.
  void add(const Held& packet) {
    if (newest_ && packet.time && *packet.time < *newest_) rises_ = false;
    if (packet.time) newest_ = packet.time;
    held_.push_back({packet, next_++});
  }
  /// Returns true if part of the newest packet was lost on the network.
  [[nodiscard]] bool is_newest_torn() const noexcept { return !held_.empty() && held_.back().packet.torn; }
  /// Call after a decoding error: frames in the decoder may refer to the damaged one.
  void mark_damaged() noexcept {
    for (auto& one : held_) one.packet.damaged = true;
  }

  /// Call for each frame returned. `reorders`: the decoder holds back frames that are shown later.
  Taken take(TimePoint captured, std::optional<double> time, bool reorders) {
    Taken taken;
    const bool tells_order = !(reorders && rises_);
    std::uint64_t number = 0;
    for (const auto& one : held_) {
      if (one.packet.captured == captured && one.packet.time == time) number = one.number;
    }
    // After a loss, a decoder may return frames out of display order.
    for (const auto& one : passed_) {
      if (number != 0 || one.captured != captured || one.time != time) continue;
      taken.damaged = one.damaged;
      taken.repeated = one.repeated;
    }
    std::erase_if(held_, [&](const Numbered& one) {
      const auto& packet = one.packet;
      const bool before = time && packet.time ? *packet.time <= *time : one.number <= number;
      const bool over = (tells_order ? before : one.number == number) || one.number + kMostHeld < next_;
      if (over) note(packet, one.number == number, taken);
      return over;
    });
    while (passed_.size() > kMostHeld) passed_.pop_front();
    taken.held = held_.size();
    return taken;
  }

  /// Discards all held packets: none of their frames will be returned.
  Taken give_up() {
    Taken taken;
    for (const auto& one : held_) note(one.packet, false, taken);
    clear();
    return taken;
  }

  void clear() noexcept {
    held_.clear();
    passed_.clear();
    newest_.reset();
    rises_ = true;
  }

 private:
  static constexpr std::uint64_t kMostHeld = kMostReordered + 1;  // including the frame itself

  struct Numbered {
    Held packet;
    std::uint64_t number = 0;
  };

  void note(const Held& packet, bool is_given, Taken& taken) {
    taken.missing += packet.missing;
    taken.dropped += packet.dropped;
    if (is_given) {
      taken.torn = packet.torn;
      taken.damaged = packet.damaged;
      taken.repeated = packet.repeated;
      return;
    }
    passed_.push_back(packet);
    ++taken.failed;
  }

  std::deque<Numbered> held_;
  std::deque<Held> passed_;  // the newest packets for which a later frame was returned first
  std::uint64_t next_ = 1;
  std::optional<double> newest_;  // highest timestamp
  bool rises_ = true;             // timestamps are in decoding order
};

}  // namespace freshframe::media

// The packets whose pictures a live source's decoder still holds, and what is known of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "media/ffmpeg/read/h264_order.hpp"

namespace freshframe::media {

/// A decoder returns pictures in the order of their times. So when it has returned one, the earlier ones have come or
/// will never come: the decoder has lost them, and does not hold them. But there are servers (live555) whose times
/// are in the order of decoding even where pictures are shown in another one. Such pictures are lost only when more
/// have come after them than a decoder holds. One thread.
class HeldPackets {
 public:
  struct Held {
    TimePoint captured{};        // the time that its picture will have
    std::optional<double> time;  // time of its picture; nullopt means no order but the packets' own
    bool torn = false;           // see PictureNotes
    bool damaged = false;
    std::uint64_t missing = 0;  // see PacketNotes
    std::uint64_t dropped = 0;
    bool repeated = false;  // the same
  };
  struct Taken {
    bool torn = false;
    bool repeated = false;
    std::size_t held = 0;  // packets that are still held
    bool damaged = false;
    std::uint64_t missing = 0;  // missing packets up to this one
    std::uint64_t dropped = 0;
    std::uint64_t failed = 0;  // earlier pictures that the decoder has not given
  };

  /// A packet went to the decoder.
  void add(const Held& packet) {
    if (newest_ && packet.time && *packet.time < *newest_) rises_ = false;
    if (packet.time) newest_ = packet.time;
    held_.push_back({packet, next_++});
  }
  /// Whether a part of the newest packet was lost on the way.
  [[nodiscard]] bool is_newest_torn() const noexcept { return !held_.empty() && held_.back().packet.torn; }
  /// The decoder has found an error in a picture, to which the pictures that it holds may refer.
  void mark_damaged() noexcept {
    for (auto& one : held_) one.packet.damaged = true;
  }

  /// The picture with these has come. `reorders`: the decoder holds pictures back that are shown later.
  Taken take(TimePoint captured, std::optional<double> time, bool reorders) {
    Taken taken;
    const bool tells_order = !(reorders && rises_);
    std::uint64_t number = 0;
    for (const auto& one : held_) {
      if (one.packet.captured == captured && one.packet.time == time) number = one.number;
    }
    // After a loss a decoder may give a picture after another that is shown later.
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

  /// Gives up: none of the pictures that are held will come.
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
  static constexpr std::uint64_t kMostHeld = kMostReordered + 1;  // and the picture itself

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
  std::deque<Held> passed_;  // the newest whose pictures had not come when a later one did
  std::uint64_t next_ = 1;
  std::optional<double> newest_;  // time
  bool rises_ = true;             // the times are in the order of decoding
};

}  // namespace freshframe::media

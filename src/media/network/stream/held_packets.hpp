// Counts the packets whose pictures a live source's decoder still holds.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "media/ffmpeg/read/reordering.hpp"

namespace freshframe::media {

/// A decoder returns pictures in the order of their times. So when it has returned one, those before it have come
/// or will never come: the decoder has lost them, and does not hold them. One thread.
class HeldPackets {
 public:
  /// A packet went to the decoder. `time`: of its picture; nullopt: the stream has none, and no order but that of
  /// the packets. `captured` is what its picture will have.
  void add(TimePoint captured, std::optional<double> time) { held_.push_back({captured, time, next_++}); }

  /// The picture with these has come. Returns how many packets are still held.
  std::size_t take(TimePoint captured, std::optional<double> time) {
    std::uint64_t its = 0;
    for (const auto& one : held_) {
      if (one.captured == captured && one.time == time) its = one.number;
    }
    std::erase_if(held_, [&](const Packet& one) {
      const bool before = time && one.time ? *one.time <= *time : one.number <= its;
      return before || one.number + kMostHeld < next_;
    });
    return held_.size();
  }

  void clear() noexcept { held_.clear(); }

 private:
  static constexpr std::uint64_t kMostHeld = kMostReordered + 1;  // and the picture itself

  struct Packet {
    TimePoint captured;
    std::optional<double> time;
    std::uint64_t number = 0;
  };
  std::deque<Packet> held_;
  std::uint64_t next_ = 1;
};

}  // namespace freshframe::media

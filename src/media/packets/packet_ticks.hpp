// The times of packets as muxers take them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/packet.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <new>
#include <string>

#include "media/ffmpeg/ptr.hpp"
#include "media/packets/parameters.hpp"

namespace freshframe::media {

/// Throws Error if a time of the packet is not a number of seconds. `doing`: "write 'a.mp4'".
inline void check_packet_times(const Packet& packet, const std::string& doing) {
  constexpr double kMost = 1e12;  // seconds; later ticks have no 64 bits
  const auto is_time = [](double seconds) { return std::abs(seconds) <= kMost; };  // false for NaN
  if (is_time(packet.pts) && is_time(packet.dts) && is_time(packet.duration)) return;
  throw Error("cannot " + doing + ": a packet's pts, dts or duration is not a number of seconds");
}

/// Ticks from a first time on. A camera's pictures may have equal times, and muxers refuse decoding times that do
/// not rise: such a packet is decoded and shown a tick later. One thread.
class PacketTicks {
 public:
  static constexpr AVRational kTimeBase{1, 90000};  // base of RTP and MPEG-TS, so a camera's times stay exact

  /// `first`: seconds at tick 0.
  explicit PacketTicks(double first) : first_(first) {}

  /// Shares the bytes of `packet`.
  [[nodiscard]] AvPacketPtr next(const Packet& packet) {
    AvPacketPtr own(av_packet_clone(&native_packet(packet)));
    if (!own) throw std::bad_alloc();
    own->pts = to_ticks(packet.pts - first_);
    own->dts = last_ = std::max(last_ + 1, std::min(own->pts, to_ticks(packet.dts - first_)));
    own->pts = std::max(own->pts, own->dts);
    own->duration = to_ticks(packet.duration);
    own->flags = packet.is_keyframe ? own->flags | AV_PKT_FLAG_KEY : own->flags & ~AV_PKT_FLAG_KEY;
    return own;
  }

 private:
  static std::int64_t to_ticks(double seconds) { return std::llround(seconds * av_q2d(av_inv_q(kTimeBase))); }

  double first_;
  std::int64_t last_ = INT64_MIN;  // dts
};

}  // namespace freshframe::media

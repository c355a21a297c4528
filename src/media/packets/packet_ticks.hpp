// The times of packets as muxers take them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/packet.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <new>

#include "media/ffmpeg/ptr.hpp"
#include "media/packets/parameters.hpp"

namespace freshframe::media {

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

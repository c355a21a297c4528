// Converts the timestamps of packets to a muxer's ticks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/packet.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <new>
#include <string>

#include "core/unit_text.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/packets/parameters.hpp"

namespace freshframe::media {

/// Throws Error if a timestamp of the packet is not a finite number of seconds. `doing`: "write 'a.mp4'".
inline void check_packet_times(const Packet& packet, const std::string& doing) {
  constexpr double kMost = 1e12;  // seconds; larger values do not fit into 64 bits of ticks
  const auto is_time = [](double seconds) { return std::abs(seconds) <= kMost; };  // false for NaN
  if (is_time(packet.pts) && is_time(packet.dts) && is_time(packet.duration)) return;
  throw Error("cannot " + doing + ": a packet has pts " + core::seconds_text(packet.pts) + ", dts " +
              core::seconds_text(packet.dts) + " and duration " + core::seconds_text(packet.duration) +
              "; expected at most 1e12 s for each");
}

/// Ticks relative to a first timestamp. A camera's frames may have equal timestamps, but muxers require
/// increasing decoding timestamps: such packets are moved a tick later. Not thread-safe.
class PacketTicks {
 public:
  // the time base of RTP and MPEG-TS, so a camera's timestamps stay exact
  static constexpr AVRational kTimeBase{1, 90000};

  /// `first`: the timestamp at tick 0, in seconds.
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

// The encoded packets of the last seconds.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

[[nodiscard]] inline bool is_key(const AVPacket& packet) noexcept {
  return (packet.flags & AV_PKT_FLAG_KEY) != 0;
}

/// Holds packets from a keyframe on, so that a file can contain the last `seconds`. It holds more than that,
/// by at most one keyframe interval. Not thread-safe. Times are pts in ticks of the codec.
class PacketRing {
 public:
  PacketRing(double seconds, std::size_t max_bytes) : seconds_(seconds), max_bytes_(max_bytes) {}

  /// Drops all packets and sets the time base of the next ones.
  void begin_stream(AVRational time_base);
  /// Keeps a reference to the packet. Returns false if max_bytes is too small for the seconds.
  [[nodiscard]] bool push(const AVPacket& packet);
  /// If a single group of pictures exceeds max_bytes, drops everything, because the group may never end, and
  /// then each packet before the next keyframe. Returns the number of dropped packets.
  std::size_t drop_what_is_above();
  /// The packet of the last keyframe at or before `tick`, or else the first packet. If `tick` is in a pause
  /// of the stream, the keyframe after the pause. nullptr if has_key() is false.
  [[nodiscard]] const AVPacket* key_before(std::int64_t tick) const;
  /// Calls `visit` in decoding order for the packets with a larger dts than `dts`, until it returns false.
  /// Returns false in that case.
  [[nodiscard]] bool visit_after(std::int64_t dts, const std::function<bool(const AVPacket&)>& visit) const;

  /// The pts of the newest frame, or INT64_MIN if the ring is empty.
  [[nodiscard]] std::int64_t newest() const noexcept { return packets_.empty() ? INT64_MIN : newest_; }
  /// Returns true if the ring begins with a keyframe; false if it is empty or its packets depend on dropped
  /// ones.
  [[nodiscard]] bool has_key() const noexcept { return !packets_.empty() && is_key(*packets_.front()); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  /// Seconds from the first to the newest frame.
  [[nodiscard]] double span() const noexcept;

 private:
  /// The index of the second keyframe, or 0 if there is none.
  [[nodiscard]] std::size_t second_key() const noexcept;
  void drop_first(std::size_t count);

  double seconds_;
  std::size_t max_bytes_;
  AVRational time_base_{1, 1};
  std::deque<AvPacketPtr> packets_;
  std::size_t bytes_ = 0;
  std::int64_t newest_ = 0;
};

}  // namespace freshframe::media

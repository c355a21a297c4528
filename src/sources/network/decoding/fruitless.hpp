// Detects that a live source's decoder produces no frames from the packets that arrive.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include "media/ffmpeg/read/h264_order.hpp"

namespace freshframe::media {

/// Detects a source that sends packets of which no frame can be decoded. Not thread-safe.
class FruitlessPackets {
 public:
  /// Call when the connection starts, or a frame arrives.
  void begin_stream(TimePoint now) noexcept {
    since_ = now;
    packets_ = 0;
  }
  /// Call for each packet sent to the decoder. Returns true if no frame was produced for `limit` seconds, but
  /// only after more packets than a decoder may hold back for reordering, since slow streams take longer.
  [[nodiscard]] bool add(TimePoint now, double limit) noexcept {
    if (packets_ == 0) since_ = now;
    return ++packets_ > kMostReordered && Seconds(now - since_).count() >= limit;
  }

 private:
  TimePoint since_{};
  int packets_ = 0;
};

}  // namespace freshframe::media

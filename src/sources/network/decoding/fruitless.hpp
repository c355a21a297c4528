// Notices that a live source's decoder makes no pictures of the packets that arrive.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include "media/ffmpeg/read/h264_order.hpp"

namespace freshframe::media {

/// Packets alone do not make a source alive. One thread.
class FruitlessPackets {
 public:
  /// The connection begins, or a picture has come.
  void begin_stream(TimePoint now) noexcept {
    since_ = now;
    packets_ = 0;
  }
  /// A packet went to the decoder. True means for `limit` seconds it has made no picture of any. Not before
  /// there were more packets than a decoder may hold back to reorder them, as slow streams need their time.
  [[nodiscard]] bool add(TimePoint now, double limit) noexcept {
    if (packets_ == 0) since_ = now;
    return ++packets_ > kMostReordered && Seconds(now - since_).count() >= limit;
  }

 private:
  TimePoint since_{};
  int packets_ = 0;
};

}  // namespace freshframe::media

// Decides at which packet of a connection decoding starts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstdint>
#include <optional>
#include <span>

extern "C" {
#include <libavcodec/codec_id.h>
}

namespace freshframe::media {

/// Decides where decoding starts: normally at a keyframe. But some streams have none (intra refresh), and
/// parsers do not recognise the keyframes of others. So after a while all packets pass, and the decoder
/// starts where it can. Not thread-safe.
class KeyGate {
 public:
  /// After `patience` seconds without a keyframe, all packets pass.
  explicit KeyGate(double patience) : patience_(patience) {}

  /// Returns true if this packet should be decoded. Once one has passed, all later ones do.
  [[nodiscard]] bool passes(bool is_key, TimePoint arrived) noexcept {
    if (!first_) first_ = arrived;
    open_ = open_ || is_key || Seconds(arrived - *first_).count() >= patience_;
    return open_;
  }
  /// Returns true if neither a keyframe nor a decoded frame has appeared for so long that incomplete frames
  /// are better than none.
  [[nodiscard]] bool gives_up(TimePoint arrived) const noexcept {
    return first_ && Seconds(arrived - *first_).count() >= kLongest;
  }

  /// Seconds. Even cameras with few keyframes have sent one by then.
  static constexpr double kLongest = 10;

 private:
  double patience_;
  std::optional<TimePoint> first_;
  bool open_ = false;
};

/// Returns the seconds for which to hold back a stream without keyframes. Most decoders return no frame
/// before the first complete one. Some do, so packets for them wait until even a camera with few keyframes
/// has sent one.
[[nodiscard]] inline double key_patience(AVCodecID codec) noexcept {
  constexpr double kUsual = 2;
  const bool invents = codec == AV_CODEC_ID_HEVC || codec == AV_CODEC_ID_MPEG4 || codec == AV_CODEC_ID_H263;
  return invents ? KeyGate::kLongest : kUsual;
}

/// Detects VP9 keyframes by the uncompressed header (VP9 Bitstream & Decoding Process Specification, section
/// 6.2), because FFmpeg's RTP reader does not flag them.
[[nodiscard]] inline bool is_vp9_key(std::span<const std::uint8_t> packet) noexcept {
  if (packet.empty() || packet[0] >> 6 != 2) return false;  // frame_marker
  constexpr int kHighest = 3;
  const int profile = (packet[0] >> 5 & 1) | (packet[0] >> 3 & 2);
  const int reserved = profile == kHighest ? 1 : 0;
  const bool shows_existing = (packet[0] >> (3 - reserved) & 1) != 0;
  const bool is_inter = (packet[0] >> (2 - reserved) & 1) != 0;
  return !shows_existing && !is_inter;
}

}  // namespace freshframe::media

// Decides with which packet of a connection decoding begins.
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

/// At a keyframe. But there are streams that never have one (their pictures are renewed in parts), and streams whose
/// keyframes no parser recognises. So after a while all packets pass, and the decoder begins where it can. One
/// thread.
class KeyGate {
 public:
  /// `patience`: seconds without a keyframe.
  explicit KeyGate(double patience) : patience_(patience) {}

  /// Whether this packet goes to the decoder. When one has, all later ones do.
  [[nodiscard]] bool passes(bool is_key, TimePoint arrived) noexcept {
    if (!first_) first_ = arrived;
    open_ = open_ || is_key || Seconds(arrived - *first_).count() >= patience_;
    return open_;
  }
  /// Whether neither a keyframe nor another picture has come for such a long time that pictures with gaps are better
  /// than none.
  [[nodiscard]] bool gives_up(TimePoint arrived) const noexcept {
    return first_ && Seconds(arrived - *first_).count() >= kLongest;
  }

  /// Seconds. A camera with few keyframes has sent one by then.
  static constexpr double kLongest = 10;

 private:
  double patience_;
  std::optional<TimePoint> first_;
  bool open_ = false;
};

/// Seconds that a stream without keyframes is held back. Most decoders return no picture before the first that they
/// can make whole. Some make pictures out of nothing: they wait until a camera with few keyframes has sent one.
[[nodiscard]] inline double key_patience(AVCodecID codec) noexcept {
  constexpr double kUsual = 2;
  const bool invents = codec == AV_CODEC_ID_HEVC || codec == AV_CODEC_ID_MPEG4 || codec == AV_CODEC_ID_H263;
  return invents ? KeyGate::kLongest : kUsual;
}

/// Whether a packet begins with a keyframe, by its uncompressed header (VP9 Bitstream & Decoding Process
/// Specification, section 6.2). FFmpeg's RTP reader does not say.
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

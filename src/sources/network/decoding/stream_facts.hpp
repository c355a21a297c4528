// Collects the properties of a live stream as they become known.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace freshframe::media {

/// Properties that only a decoded frame has.
struct FrameFacts {
  FrameFacts(const AVFrame& frame, const Decoder& decoder)
      : pixel_format(get_stored_format(frame)),
        interlaced(is_interlaced(frame)),
        rate(decoder.context().framerate) {}

  AVPixelFormat pixel_format;
  bool interlaced;
  AVRational rate;  // frame rate from the decoder; 0 if unknown
};

/// Collects what is known of a stream: from the server's description, then a keyframe's packet, then a
/// decoded frame, which has everything. Functions return true if info() has changed. Not thread-safe.
class StreamFacts {
 public:
  [[nodiscard]] const VideoInfo& info() const noexcept { return info_; }

  /// Call for a new connection. If the server describes the pixel format, its description is complete.
  [[nodiscard]] bool connect(const VideoInfo& declared) {
    if (known_ || declared.pixel_format.empty()) return false;
    info_ = declared;
    return true;
  }
  /// Call for a keyframe that is not decoded. `size`: the size that its frame would have.
  [[nodiscard]] bool note_packet(const VideoInfo& declared, FrameSize size) {
    if (known_ || info_.width > 0) return false;
    info_ = declared;
    info_.width = size.width;
    info_.height = size.height;
    return true;
  }
  /// Call for the first frame; `made` was created from it.
  [[nodiscard]] bool note_frame(const VideoInfo& declared, const Frame& made, const FrameFacts& frame,
                                bool is_timeless) {
    if (std::exchange(known_, true)) return false;
    info_ = declared;
    info_.ends_by = ends_by_;
    info_.width = made.width();
    info_.height = made.height();
    const char* name = av_get_pix_fmt_name(frame.pixel_format);
    info_.interlaced = frame.interlaced;
    info_.pixel_format = name != nullptr ? name : "";
    if (!info_.fps && !is_timeless && frame.rate.num > 0 && frame.rate.den > 0)
      info_.fps = av_q2d(frame.rate);
    return true;
  }
  /// Sets VideoInfo::ends_by.
  [[nodiscard]] bool note_ends(std::string_view ends_by) {
    if (ends_by == ends_by_) return false;
    ends_by_ = ends_by;
    if (known_) info_.ends_by = ends_by_;
    return known_;
  }

 private:
  bool known_ = false;  // a frame is known
  VideoInfo info_;
  std::string ends_by_;
};

}  // namespace freshframe::media

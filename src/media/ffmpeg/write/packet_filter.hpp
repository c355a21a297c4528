// Changes packets so that a container can hold them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "media/ffmpeg/ptr.hpp"

extern "C" {
#include <libavcodec/bsf.h>
}

namespace freshframe::media {

/// Repeats the parameter sets before each keyframe of a transport stream, or of one over RTSP. Many cameras
/// send them once, or only in their description, and FFmpeg's muxer inserts them only before IDR frames.
/// Other containers have them in their header. Not thread-safe.
class PacketFilter {
 public:
  /// Throws Error.
  PacketFilter(const AVOutputFormat& container, const AVCodecParameters& parameters);

  /// Throws Error.
  void apply(AVPacket& packet);

 private:
  struct FreeFilter {
    void operator()(AVBSFContext* filter) const noexcept { av_bsf_free(&filter); }
  };
  std::unique_ptr<AVBSFContext, FreeFilter> filter_;  // null if packets are not changed
};

}  // namespace freshframe::media

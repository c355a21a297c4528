// Which encoder a codec's name means, and how it is set up for video as it comes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <string>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Whether FFmpeg knows that files of this container hold the codec.
[[nodiscard]] bool surely_holds(const AVOutputFormat& container, AVCodecID codec);
/// The codec that a file of this container gets when none is named: the first of h264, vp9 and mpeg4 that this
/// build can encode and the container is known to hold, else the container's own.
[[nodiscard]] std::string default_codec(const AVOutputFormat& container);
/// Whether default_codec() decides: a file's options say "auto" or nothing.
[[nodiscard]] inline bool is_auto(const std::string& codec) {
  return codec.empty() || codec == "auto";
}
/// Why default_codec() is not h264, where the container could hold that; else empty.
[[nodiscard]] std::string why_not_h264(const AVOutputFormat& container);
/// A codec as people name it ("h265") or FFmpeg's name of an encoder ("libx265"). The software encoders,
/// which work on every machine. nullptr: this build has none.
[[nodiscard]] const AVCodec* find_video_encoder(const std::string& name);
/// "h264, h265, vp9": the codecs that this build can encode and the container can hold.
[[nodiscard]] std::string encodable_codecs(const AVOutputFormat& container);
/// Speed and constant quality, 0 (best) to 51.
void set_up_quality(AVCodecContext& codec, int quality);

}  // namespace freshframe::media

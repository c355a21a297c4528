// The encoders for the names of codecs, and their settings for live video.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <string>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Whether files of this container may hold the codec: false where FFmpeg refuses it, and where it writes a
/// file that no program can read.
[[nodiscard]] bool can_hold(const AVOutputFormat& container, AVCodecID codec);
/// Whether FFmpeg's tables say that files of this container hold the codec.
[[nodiscard]] bool surely_holds(const AVOutputFormat& container, AVCodecID codec);
/// The default codec of a container: the first of h264, vp9 and mpeg4 that this
/// build can encode and the container is known to hold, else the container's own.
[[nodiscard]] std::string default_codec(const AVOutputFormat& container);
/// Whether default_codec() decides: the options name "auto" or no codec.
[[nodiscard]] inline bool is_auto(const std::string& codec) {
  return codec.empty() || codec == "auto";
}
/// The reason why default_codec() is not h264 although the container could hold it; else empty.
[[nodiscard]] std::string why_not_h264(const AVOutputFormat& container);
/// By the usual name of a codec ("h265") or FFmpeg's name of an encoder ("libx265"). Only software encoders,
/// which work on every machine. nullptr: this build has none.
[[nodiscard]] const AVCodec* find_video_encoder(const std::string& name);
/// "h264, h265, vp9": the codecs that this build can encode and the container can hold.
[[nodiscard]] std::string encodable_codecs(const AVOutputFormat& container);
/// Whether the encoder takes such pictures.
[[nodiscard]] bool takes(const AVCodec& encoder, AVPixelFormat format);
/// The worst VideoFileOptions::crf; the best is 0.
inline constexpr int kWorstQuality = 51;

/// Whether EncoderPreset changes anything.
[[nodiscard]] bool has_presets(const AVCodec& encoder);
/// Speed and constant quality, 0 (best) to kWorstQuality.
void set_up_quality(AVCodecContext& codec, int quality, EncoderPreset preset);

}  // namespace freshframe::media

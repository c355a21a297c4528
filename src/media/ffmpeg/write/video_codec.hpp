// Finds the encoders for codec names, and sets them up for live video.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <string>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Returns true if files of this container may contain the codec. Returns false if FFmpeg refuses the
/// combination, or writes a file that no program can read.
[[nodiscard]] bool can_hold(const AVOutputFormat& container, AVCodecID codec);
/// Returns true if FFmpeg's tables list the codec for this container.
[[nodiscard]] bool surely_holds(const AVOutputFormat& container, AVCodecID codec);
/// Returns the default codec of a container: the first of h264, vp9 and mpeg4 that this build can encode and
/// the container is known to support, otherwise FFmpeg's default for the container.
[[nodiscard]] std::string default_codec(const AVOutputFormat& container);
/// Returns true if default_codec() decides: the codec in the options is "auto" or empty.
[[nodiscard]] inline bool is_auto(const std::string& codec) {
  return codec.empty() || codec == "auto";
}
/// Returns the reason why default_codec() is not h264 although the container supports it, or an empty string.
[[nodiscard]] std::string why_not_h264(const AVOutputFormat& container);
/// Finds an encoder by the name of its codec ("h265") or by FFmpeg's name of the encoder ("libx265"). For
/// codecs returns only software encoders, which work on every machine. Returns null if this build has none.
[[nodiscard]] const AVCodec* find_video_encoder(const std::string& name);
/// Formats the codecs that this build can encode and the container can hold, as "h264, h265, vp9".
[[nodiscard]] std::string encodable_codecs(const AVOutputFormat& container);
/// Returns true if the encoder accepts this pixel format.
[[nodiscard]] bool takes(const AVCodec& encoder, AVPixelFormat format);
/// The lowest quality of VideoFileOptions::crf; the highest is 0.
inline constexpr int kWorstQuality = 51;

/// Returns true if EncoderPreset has an effect on this encoder.
[[nodiscard]] bool has_presets(const AVCodec& encoder);
/// Sets the speed, and a constant quality from 0 (best) to kWorstQuality.
void set_up_quality(AVCodecContext& codec, int quality, EncoderPreset preset);

}  // namespace freshframe::media

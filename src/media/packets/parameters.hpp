// Codec parameters of a packet stream: size, parameter sets, reordering.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/packet.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/upright.hpp"

// Reads an image's size and pixel format from its packet, for codecs whose parser in FFmpeg does not.

extern "C" {
#include <libavcodec/codec_id.h>
#include <libavutil/pixfmt.h>
}

namespace freshframe::media {

struct PictureForm {
  int width = 0;  // pixels
  int height = 0;
  AVPixelFormat format = AV_PIX_FMT_NONE;  // AV_PIX_FMT_NONE if the header does not say
  bool is_cut = false;                     // the VP9 header ends too early: missing bits count as 0
};

/// Reads the header of a keyframe of Motion JPEG or VP9. Returns nullopt for other codecs, or if the packet
/// has no such header.
[[nodiscard]] std::optional<PictureForm> picture_form(AVCodecID codec, std::span<const std::uint8_t> packet);

/// The parameters that a muxer or decoder needs. Immutable.
struct StreamParameters {
  CodecParametersPtr codec;
  int depth = 0;               // frames that a decoder holds back
  bool depth_is_known = true;  // false: `depth` is an upper limit
  Orientation orientation = {};
};

/// Completes a connection's parameters from its keyframes: RTSP declares no size, and often no parameter
/// sets. Not thread-safe.
class ParametersReader {
 public:
  /// `known`: from the demuxer or the SDP.
  explicit ParametersReader(const AVCodecParameters& known, const Orientation& orientation = {});

  /// Reads a keyframe. Returns null if the parameters have not changed since the last non-null result, or if
  /// parameter sets are incomplete and none are known.
  [[nodiscard]] std::shared_ptr<const PacketStream> read(const AVPacket& key);

 private:
  [[nodiscard]] CodecParametersPtr complete_parameters(const AVPacket& key) const;

  CodecParametersPtr known_;
  Orientation orientation_;
  std::shared_ptr<const PacketStream> current_;
};

/// Returns true if one decoder or file can take the packets of both: they have the same parameters and
/// orientation.
[[nodiscard]] bool is_same_stream(const PacketStream& a, const PacketStream& b);
/// FFmpeg's parameters of a stream.
[[nodiscard]] const StreamParameters& make_parameters(const PacketStream& stream);
/// The AVPacket of a packet. Its timestamps are the demuxer's, not those of `packet`.
[[nodiscard]] const AVPacket& native_packet(const Packet& packet);

}  // namespace freshframe::media

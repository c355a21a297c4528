// The parameters of a stream of packets: size, parameter sets, order.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/packet.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/upright.hpp"

// Reads a picture's size and pixel format from its packet, for codecs whose parser in FFmpeg does not.

extern "C" {
#include <libavcodec/codec_id.h>
#include <libavutil/pixfmt.h>
}

namespace freshframe::media {

struct PictureForm {
  int width = 0;  // pixels
  int height = 0;
  AVPixelFormat format = AV_PIX_FMT_NONE;  // none means the header does not say
};

/// The form of a keyframe of Motion JPEG or VP9; nullopt for another codec, or without such a header.
[[nodiscard]] std::optional<PictureForm> picture_form(AVCodecID codec, std::span<const std::uint8_t> packet);

/// The parameters that a muxer or decoder needs. Immutable.
struct StreamParameters {
  CodecParametersPtr codec;
  int depth = 0;               // pictures that a decoder holds back
  bool depth_is_known = true;  // false means an upper limit of what the stream may need
  Turn turn = {};              // makes its pictures upright
};

/// Completes the parameters of a connection with those in its key packets: RTSP gives no size, and often no parameter
/// sets. One thread.
class ParametersReader {
 public:
  /// `known`, `turn`: as the demuxer or the server's description has them.
  explicit ParametersReader(const AVCodecParameters& known, Turn turn = {});

  /// Reads a key packet. Null means the parameters have not changed since the last call that returned any, or
  /// its parameter sets are not complete, and none are known.
  [[nodiscard]] std::shared_ptr<const PacketStream> read(const AVPacket& key);

 private:
  [[nodiscard]] CodecParametersPtr complete_parameters(const AVPacket& key) const;

  CodecParametersPtr known_;
  Turn turn_;
  std::shared_ptr<const PacketStream> current_;
};

/// One decoder or file can have the packets of both.
[[nodiscard]] bool is_same_stream(const PacketStream& a, const PacketStream& b);
/// FFmpeg's side of a stream.
[[nodiscard]] const StreamParameters& make_parameters(const PacketStream& stream);
/// FFmpeg's packet in a packet; its times are the demuxer's, not the packet's.
[[nodiscard]] const AVPacket& native_packet(const Packet& packet);

}  // namespace freshframe::media

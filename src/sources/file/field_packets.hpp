// Finds the packets that are the second field of a frame.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "media/ffmpeg/ptr.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
}

namespace freshframe::media {

/// H.264 codes a frame as one picture or as two fields, and some files have a packet for each field. One thread.
class FieldPackets {
 public:
  /// Throws std::bad_alloc.
  explicit FieldPackets(const AVCodecParameters& parameters);

  /// Takes the next packet. Returns whether it is the second field of the frame that began with the packet before it.
  [[nodiscard]] bool take_packet(const AVPacket& packet);
  /// Packets come from the beginning of the file again.
  void begin_stream() noexcept { first_ = AV_PICTURE_STRUCTURE_UNKNOWN; }

 private:
  CodecPtr codec_;  // for the parser: with the parameter sets
  ParserPtr parser_;
  AVPictureStructure first_ =
      AV_PICTURE_STRUCTURE_UNKNOWN;  // of a field whose frame still lacks the other one
};

}  // namespace freshframe::media

// Finds packets that hold the second field of a frame.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "media/ffmpeg/ptr.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
}

namespace freshframe::media {

/// H.264 codes a frame as one image or as two fields, which some files store in separate packets. Not
/// thread-safe.
class FieldPackets {
 public:
  /// Throws std::bad_alloc.
  explicit FieldPackets(const AVCodecParameters& parameters);

  /// Returns true if the packet is the second field of the frame that the previous packet started.
  [[nodiscard]] bool take_packet(const AVPacket& packet);
  /// Call when reading restarts at the beginning of the file.
  void begin_stream() noexcept { first_ = AV_PICTURE_STRUCTURE_UNKNOWN; }

 private:
  CodecPtr codec_;  // for the parser: contains the parameter sets
  ParserPtr parser_;
  AVPictureStructure first_ =
      AV_PICTURE_STRUCTURE_UNKNOWN;  // structure of a first field whose second field is still missing
};

}  // namespace freshframe::media

// Splits or joins packets so that each holds exactly one frame.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// FFmpeg's parser, for a playlist whose demuxer does not use one. Returns a frame when the next one starts.
/// Not thread-safe.
class PictureParser {
 public:
  /// Throws std::bad_alloc.
  explicit PictureParser(const AVCodecParameters& parameters);
  PictureParser(const PictureParser&) = delete;
  PictureParser& operator=(const PictureParser&) = delete;

  /// Appends the frames that `packet` completes. Throws std::bad_alloc.
  void add(const AVPacket& packet, std::deque<AvPacketPtr>& pictures);
  /// Appends the last frame, at the end of the stream. Throws std::bad_alloc.
  void finish(int stream, std::deque<AvPacketPtr>& pictures);

 private:
  [[nodiscard]] AvPacketPtr make_picture(const std::uint8_t* data, int size, const AVPacket& packet);
  void set_times(AVPacket& picture);

  const CodecPtr codec_;
  const ParserPtr parser_;
  std::optional<std::int64_t> last_;  // dts, in ticks
  std::int64_t step_ = 0;
};

}  // namespace freshframe::media

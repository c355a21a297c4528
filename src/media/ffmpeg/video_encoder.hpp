// Encodes frames into a container on disk.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <string>

#include "media/ffmpeg/frame_encoder.hpp"
#include "media/ffmpeg/video_muxer.hpp"

namespace freshframe::media {

/// Throws OptionError when the name or the options cannot make a video file, before anything is written.
void check_video_file(const std::string& path, const VideoFileOptions& options);

/// One file being written, one thread: start(), encode() for each frame, finish(). All throw Error naming the
/// file.
class VideoEncoder {
 public:
  /// Creates the file unless it exists; start() replaces its content.
  VideoEncoder(const std::string& path, const VideoFileOptions& options);

  [[nodiscard]] bool started() const noexcept { return encoder_.started(); }
  [[nodiscard]] bool had_content() const noexcept { return muxer_.had_content(); }
  void check_size(const PictureFormat& format) const { encoder_.check_size(format); }
  /// Takes size and colours from the first frame, but does not write it.
  void start(const Frame& first, double fps);
  /// `pts` in seconds, not before that of the last frame.
  void encode(const Frame& frame, double pts);
  /// Writes the remaining packets and closes the file, also if start() was never called.
  void finish();

 private:
  void write(AVPacket& packet) { muxer_.write(packet, encoder_.codec().time_base); }

  VideoMuxer muxer_;
  FrameEncoder encoder_;
};

}  // namespace freshframe::media

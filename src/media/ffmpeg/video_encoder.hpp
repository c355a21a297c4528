// Encodes frames into a container on disk.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <optional>
#include <string>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/video_muxer.hpp"

namespace freshframe::media {

/// Throws OptionError when the name or the options cannot make a video file, before anything is written.
void check_video_file(const std::string& path, const VideoFileOptions& options);

/// One file being written, one thread: start(), encode() for each frame, finish(). All throw Error naming the
/// file.
class VideoEncoder {
 public:
  /// Creates the file unless it exists; start() replaces what it holds.
  VideoEncoder(std::string path, const VideoFileOptions& options);

  [[nodiscard]] bool started() const noexcept { return codec_ != nullptr; }
  [[nodiscard]] bool had_content() const noexcept { return muxer_.had_content(); }
  void check_size(const PictureFormat& format) const;
  /// Takes size and colours from the first frame, but does not write it.
  void start(const Frame& first, double fps);
  /// `pts` in seconds, not before that of the last frame.
  void encode(const Frame& frame, double pts);
  /// Writes what is left and closes the file, also when nothing was started.
  void finish();

 private:
  void set_up_codec(const AVCodec& encoder, const Frame& first, double fps);
  void open_codec(const AVCodec& encoder);
  [[nodiscard]] Frame prepared(const Frame& frame) const;
  void check_format(const PictureFormat& format) const;
  [[nodiscard]] std::int64_t ticks(double pts);
  void write_packets();
  [[noreturn]] void fail(const std::string& why) const;
  void check(int result, const char* doing) const;

  std::string path_;
  VideoFileOptions options_;
  VideoMuxer muxer_;
  CodecPtr codec_;
  AvPacketPtr packet_;
  PictureFormat format_;  // of the first frame as encoded
  bool jpeg_ = false;     // Motion JPEG
  std::optional<double> first_pts_;
  double last_pts_ = 0;
  std::int64_t last_tick_ = 0;
};

}  // namespace freshframe::media

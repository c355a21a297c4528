// Encodes frames into a container on disk.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <functional>
#include <string>

#include "media/ffmpeg/write/frame_encoder.hpp"
#include "media/ffmpeg/write/video_muxer.hpp"

namespace freshframe::media {

/// Throws OptionError for a name whose suffix belongs to no video container.
void check_video_container(const std::string& path);
/// Throws OptionError when the name or the options cannot make a video file, before anything is written.
void check_video_file(const std::string& path, const VideoFileOptions& options);

/// Writes one file: call start(), then encode() for each frame, then finish(). Every method throws Error with
/// the file's name. Not thread-safe.
class VideoEncoder {
 public:
  /// Creates the file unless it exists; start() replaces its content.
  VideoEncoder(const std::string& path, const VideoFileOptions& options, FileOpening opening = {});

  [[nodiscard]] bool has_started() const noexcept { return encoder_.has_started(); }
  [[nodiscard]] bool had_content() const noexcept { return muxer_.had_content(); }
  /// Returns true if it cannot continue: it did not start, the encoder has failed, or a write has.
  [[nodiscard]] bool has_failed() const noexcept { return encoder_.has_failed() || has_broken_file(); }
  /// Ends the file after a failure. The file has all packets if only the encoder has failed, otherwise those
  /// up to its last safe point.
  void give_up() noexcept;
  /// See VideoMuxer.
  [[nodiscard]] platform::FilePlace place() const noexcept { return muxer_.place(); }
  [[nodiscard]] std::uint64_t kept_count() const noexcept { return muxer_.kept_count(); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return muxer_.bytes(); }
  void check_size(const PictureFormat& format) const { encoder_.check_size(format); }
  /// Takes size and colours from the first frame, but does not write it.
  void start(const Frame& first, double fps);
  /// Returns true if the container can represent the time between the last frame and one with this pts.
  [[nodiscard]] bool can_continue(double pts) const;
  /// Returns true if the frame has the size and the colours of the file.
  [[nodiscard]] bool fits(const Frame& frame) const { return encoder_.fits(frame); }
  /// `pts` in seconds, not before the last frame's.
  void encode(const Frame& frame, double pts);
  /// Call before a pause. Passes the frames so far to the operating system; all but the last frame are then
  /// in the file.
  void pause();
  /// Writes the frames that the encoder holds, until `enough` returns true, and closes the file, even if
  /// start() was never called. Returns the number of frames that were not written.
  std::int64_t finish(const std::function<bool()>& enough = {});

 private:
  [[nodiscard]] bool has_broken_file() const noexcept { return starting_ || muxer_.has_failed(); }
  void write(AVPacket& packet) {
    has_packets_ = true;
    muxer_.write(packet, encoder_.codec().time_base);
  }

  VideoMuxer muxer_;
  FrameEncoder encoder_;
  bool starting_ = false;     // start() has been called, but has not returned
  bool has_packets_ = false;  // at least one packet was passed to the muxer
  bool finished_ = false;     // the muxer has finished
};

}  // namespace freshframe::media

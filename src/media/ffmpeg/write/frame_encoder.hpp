// Encodes frames into packets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/media.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

// Converts frames for FFmpeg's encoders.

/// Wraps the frame's pixels in an AVFrame without a copy. The AVFrame keeps `frame` alive.
[[nodiscard]] AvFramePtr to_av_frame(const Frame& frame);

/// Returns the image as planar 4:2:0 video. RGB (always 0..255) becomes limited range, which every player
/// supports; YUV and gray keep their range and matrix. A conversion sets the matrix.
[[nodiscard]] Frame as_video(const Frame& frame);
/// Returns the format of the image that as_video() makes from an image of this format.
[[nodiscard]] PictureFormat video_format(const PictureFormat& format);
/// Returns the image as in Motion JPEG: I420, full range, BT.601.
[[nodiscard]] Frame as_jpeg(const Frame& frame);

/// Receives encoded packets in decoding order, with timestamps in the codec's time base. The first frame is
/// at 0.
using PacketSink = std::function<void(AVPacket& packet)>;

/// Frame rate of a stream with a single frame, which has no interval.
inline constexpr double kFallbackFps = 25;
/// Seconds between frames after which the encoder starts a new group of pictures, so that frames before such
/// a pause neither wait for nor refer to frames after it.
inline constexpr double kPause = 10;

/// Returns the codec in `options`, or the container's default.
[[nodiscard]] std::string codec_name(const AVOutputFormat& container, const VideoFileOptions& options);
/// Throws OptionError, starting with "cannot write `what`", if `container` cannot hold the codec, or an
/// option is out of range.
void check_encoding(const std::string& what, const AVOutputFormat& container,
                    const VideoFileOptions& options);

/// One stream with one size and colour format. Call start(), then encode() for each frame, then drain(). All
/// throw Error that names `what`, such as "'out.mp4'". Not thread-safe.
///
/// Note [Pauses]
/// At a pause the encoder is drained, and a new one with the same settings starts with a keyframe. Otherwise
/// frames from before the pause would be stored after one that follows it, and would be lost if the file ends
/// there; MP4 also cannot store such large timestamp differences.
class FrameEncoder {
 public:
  FrameEncoder(std::string what, const AVOutputFormat& container, VideoFileOptions options);

  [[nodiscard]] bool has_started() const noexcept { return codec_ != nullptr; }
  /// Valid after start().
  [[nodiscard]] const AVCodecContext& codec() const noexcept { return *codec_; }
  /// pts of the first frame, which is at time 0. Valid after the first encode().
  [[nodiscard]] double first_pts() const { return first_pts_.value(); }
  /// pts of the last frame. Valid after the first encode().
  [[nodiscard]] double last_pts() const noexcept { return last_pts_; }
  void check_size(const PictureFormat& format) const;
  /// Returns true if the frame has the size and colours of the encoded frames, so it can follow them.
  [[nodiscard]] bool fits(const Frame& frame) const;
  /// Takes size and colours from the first frame, but does not encode it. Returns the options that are
  /// unknown to the encoder: they are the muxer's.
  [[nodiscard]] Dictionary start(const Frame& first, double fps);
  /// Resets the encoder after a muxer has refused its codec.
  [[noreturn]] void refuse(int result, const std::string& reason);
  /// `pts` in seconds, not before the last frame's. `key`: force a keyframe.
  void encode(const Frame& frame, double pts, const PacketSink& sink, bool key = false);
  /// Returns true if a call of FFmpeg has failed: each further frame might fail, so make another encoder.
  [[nodiscard]] bool has_failed() const noexcept { return failed_; }
  /// Number of frames that the encoder holds.
  [[nodiscard]] std::int64_t held() const noexcept { return held_; }
  /// Sends the packets of the frames that the encoder holds, until `enough` returns true. encode() may
  /// follow.
  void drain(const PacketSink& sink, const std::function<bool()>& enough = {});

 private:
  [[nodiscard]] CodecPtr set_up_codec(const AVCodec& encoder, const Frame& first, AVRational rate) const;
  /// Opens another encoder with the same settings, after drain().
  void begin_again(const Frame& first);
  [[nodiscard]] Frame prepare_frame(const Frame& frame) const;
  void check_format(const PictureFormat& format) const;
  [[nodiscard]] std::int64_t ticks(double pts);
  void receive(const PacketSink& sink, const std::function<bool()>& enough = {});
  [[noreturn]] void fail(const std::string& why) const;
  void check(int result);

  std::string what_;
  const AVOutputFormat& container_;
  VideoFileOptions options_;
  CodecPtr codec_;
  AvPacketPtr packet_;
  PictureFormat format_;  // format of the first frame as encoded
  bool jpeg_ = false;     // Motion JPEG
  std::optional<double> first_pts_;
  double last_pts_ = 0;
  std::int64_t last_tick_ = 0;
  std::int64_t last_dts_ = INT64_MIN;
  std::int64_t held_ = 0;
  bool drained_ = false;
  bool failed_ = false;
};

}  // namespace freshframe::media

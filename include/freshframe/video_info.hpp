// Properties of an open video source.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace freshframe {

/// Properties of an open video source.
struct VideoInfo {
  std::string codec;
  int width = 0;
  int height = 0;
  std::optional<double> fps;
  std::optional<std::int64_t> frame_count;
  std::optional<double> duration;  // seconds
  std::string pixel_format;        // FFmpeg's name
  std::string container;           // FFmpeg's name
  /// Interlaced frames are delivered as stored, not deinterlaced. nullopt if unknown (cameras, and a network
  /// stream before its first frame).
  std::optional<bool> interlaced = {};
  /// Which RTSP implementation is in use: "freshframe" or "ffmpeg". Empty if it is not an RTSP stream.
  std::string client = {};
  /// How the end of a frame is detected in RTP: "marker" (on its last packet) or "timestamp" (the first
  /// packet of the next frame, so one packet later). Empty unless freshframe's own RTSP is in use. It may
  /// change while the source runs, depending on whether the markers turn out to be reliable.
  std::string ends_by = {};
  /// The available videos of a network stream with several, such as "640x360 h264, 800 kbit/s"; otherwise
  /// empty.
  std::vector<std::string> renditions = {};
  /// The videos of a file with several, each with its stream's index, such as "1: 640x360 h264, 900 frames";
  /// otherwise empty.
  std::vector<std::string> streams = {};
};

}  // namespace freshframe

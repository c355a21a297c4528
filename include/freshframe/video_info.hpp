// The properties of an opened source of video.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace freshframe {

/// The properties of an opened source.
struct VideoInfo {
  std::string codec;
  int width = 0;
  int height = 0;
  std::optional<double> fps;
  std::optional<std::int64_t> frame_count;
  std::optional<double> duration;  // seconds
  std::string pixel_format;        // FFmpeg's name
  std::string container;           // FFmpeg's name
  /// Two interlaced fields, delivered as they are stored. nullopt means not known (cameras, and a network
  /// stream before its first frame).
  std::optional<bool> interlaced = {};
  /// Who speaks RTSP with the server: "freshframe" or "ffmpeg". Empty means it is no rtsp:// or rtsps:// URL.
  std::string client = {};
  /// The end of a picture of RTP: "marker", its last packet, or "timestamp", the first packet of the next
  /// one. Empty means the source is not RTSP that freshframe reads. It may change while the source runs, as
  /// the markers are found true or false.
  std::string ends_by = {};
  /// "640x360 h264, 800 kbit/s": the videos of a network stream that has several. Empty means it has one.
  std::vector<std::string> renditions = {};
};

}  // namespace freshframe

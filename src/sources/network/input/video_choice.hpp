// Chooses the video to read if there are several: renditions of a playlist, or cameras in one multiplex.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// The video that the user requested.
struct Rendition {
  enum class By : unsigned char {
    Best,    // the largest; of equal ones the first
    Worst,   // the smallest; of equal ones the first
    Height,  // the best with at most `value` rows; if all have more, the worst
    Number   // index in the list of videos, from 0
  };
  By by = By::Best;
  int value = 0;
};

/// Parses "best", "worst", "720p" or "2". Returns nullopt for other strings.
[[nodiscard]] std::optional<Rendition> parse_rendition(const std::string& text);

/// Chooses the same video on each connection, regardless of what the server sends first. Returns null if no
/// video matches, or if this build of FFmpeg cannot decode the matching one.
[[nodiscard]] AVStream* chosen_video(const AVFormatContext& input, const Rendition& wanted);

/// Formats each video, in order, as "640x360 h264, 800 kbit/s".
[[nodiscard]] std::vector<std::string> describe_videos(const AVFormatContext& input);

}  // namespace freshframe::media

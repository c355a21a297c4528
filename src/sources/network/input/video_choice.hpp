// Which of a stream's videos is read, where there are several: renditions of a playlist, cameras of one multiplex.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// The video that a user wants.
struct Rendition {
  enum class By : unsigned char {
    Best,    // the largest pictures; of equal ones the first
    Worst,   // the smallest ones; of equal ones the first
    Height,  // the best of at most `value` rows; if all have more, the worst
    Number   // its place in the list of the videos, from 0
  };
  By by = By::Best;
  int value = 0;
};

/// "best", "worst", "720p" or "2". nullopt means another text.
[[nodiscard]] std::optional<Rendition> parse_rendition(const std::string& text);

/// Chooses the same video at each connection, whatever the server sends first. Returns null if there is no
/// such video, or this build of FFmpeg does not decode it.
[[nodiscard]] AVStream* chosen_video(const AVFormatContext& input, const Rendition& wanted);

/// "640x360 h264, 800 kbit/s": of each video, in their order.
[[nodiscard]] std::vector<std::string> describe_videos(const AVFormatContext& input);

}  // namespace freshframe::media

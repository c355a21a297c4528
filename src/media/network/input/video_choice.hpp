// Which of a stream's videos is read, where there are several: renditions of a playlist, cameras of one
// multiplex.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "media/ffmpeg/ptr.hpp"
#include "media/network/input/rendition.hpp"

namespace freshframe::media {

/// Chooses the same video at each connection, whatever the server sends first. Returns null if there is no
/// such video, or this build of FFmpeg does not decode it.
[[nodiscard]] AVStream* chosen_video(const AVFormatContext& input, const Rendition& wanted);

/// "640x360 h264, 800 kbit/s": of each video, in their order.
[[nodiscard]] std::vector<std::string> list_of_videos(const AVFormatContext& input);

}  // namespace freshframe::media

// Which of a stream's videos is read, where there are several: renditions of a playlist, cameras of one multiplex.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// The one with the largest pictures, of equal ones the first: the same at each connection, whatever the server
/// sends first. Null: there is none that this build of FFmpeg decodes.
[[nodiscard]] AVStream* largest_video(const AVFormatContext& input);

/// "320x180 h264, 640x360 h264": all videos in their order. Empty: there are fewer than two.
[[nodiscard]] std::string list_of_videos(const AVFormatContext& input);

}  // namespace freshframe::media

// Which codec a video file gets, and what is said of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace freshframe::media {

/// The codec of a file that check_video_file() accepts: `wanted`, or for "auto" and "" the one that is chosen.
[[nodiscard]] std::string video_file_codec(const std::string& path, const std::string& wanted);
/// Logs which codec was chosen and why, where h264 was expected and is not there.
void tell_chosen_codec(const std::string& path, const std::string& wanted);

}  // namespace freshframe::media

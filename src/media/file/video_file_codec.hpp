// The choice of a video file's codec, and its log line.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace freshframe::media {

/// The codec of a file that check_video_file() accepts: `wanted`, or the chosen one for "auto" and "".
[[nodiscard]] std::string video_file_codec(const std::string& path, const std::string& wanted);
/// Logs the chosen codec and the reason, if h264 was expected and is not available.
void tell_chosen_codec(const std::string& path, const std::string& wanted);

}  // namespace freshframe::media

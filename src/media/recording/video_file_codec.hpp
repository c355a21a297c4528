// The choice of a video file's codec, and what its user is advised.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <string>

namespace freshframe::media {

/// The codec of a file that check_video_file() accepts: `wanted`, or the chosen one for "auto" and "".
[[nodiscard]] std::string video_file_codec(const std::string& path, const std::string& wanted);
/// If h264 was expected and is not available: logs the chosen codec and the reason. The first line of a
/// process is a warning and names the ways out.
void tell_chosen_codec(const std::string& path, const std::string& wanted);
/// For the warning that a recorder is too slow. `codec`: its name or FFmpeg's name of an encoder.
[[nodiscard]] std::string way_to_encode_faster(const std::string& codec, EncoderSpeed speed);

}  // namespace freshframe::media

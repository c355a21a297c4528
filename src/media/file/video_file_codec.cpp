// The choice of a video file's codec, and its log line.
// SPDX-License-Identifier: Apache-2.0
#include "media/file/video_file_codec.hpp"

#include "freshframe/log.hpp"

#include "media/ffmpeg/frame_encoder.hpp"
#include "media/ffmpeg/video_codec.hpp"
#include "media/ffmpeg/video_muxer.hpp"

namespace freshframe::media {

std::string video_file_codec(const std::string& path, const std::string& wanted) {
  return codec_name(*find_container(path), {.codec = wanted});
}

void tell_chosen_codec(const std::string& path, const std::string& wanted) {
  if (!is_auto(wanted)) return;
  const auto reason = why_not_h264(*find_container(path));
  if (reason.empty()) return;
  log(LogLevel::Info, "'" + path + "' is written as " + video_file_codec(path, wanted) + ": " + reason);
}

}  // namespace freshframe::media

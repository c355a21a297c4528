// The choice of a video file's codec, and what its user is advised.
// SPDX-License-Identifier: Apache-2.0
#include "media/recording/video_file_codec.hpp"

#include "freshframe/log.hpp"

#include <atomic>

#include "media/ffmpeg/write/frame_encoder.hpp"
#include "media/ffmpeg/write/video_codec.hpp"
#include "media/ffmpeg/write/video_muxer.hpp"

namespace freshframe::media {

std::string video_file_codec(const std::string& path, const std::string& wanted) {
  return codec_name(*find_container(path), {.codec = wanted});
}

void tell_chosen_codec(const std::string& path, const std::string& wanted) {
  if (!is_auto(wanted)) return;
  const auto reason = why_not_h264(*find_container(path));
  if (reason.empty()) return;
  const auto codec = video_file_codec(path, wanted);
  const auto line = "'" + path + "' is written as " + codec + ": " + reason;
  static std::atomic<bool> told{false};
  if (told.exchange(true)) {
    log(LogLevel::Info, line);
    return;
  }
  log(LogLevel::Warning,
      line +
          ". Not every player shows that: names that end in .webm or .mkv suit vp9, codec='mpeg4' "
          "is shown by nearly all, and an FFmpeg with libx264 writes H.264. codec='" +
          codec + "' chooses it without this line");
}

std::string way_to_encode_faster(const std::string& codec, EncoderSpeed speed) {
  const AVCodec* const encoder = find_video_encoder(codec);
  const bool faster = encoder != nullptr && has_speeds(*encoder) && speed != EncoderSpeed::Fastest;
  return std::string("give it smaller frames, ") + (faster ? "speed='fastest'" : "another codec") +
         " or a faster disk";
}

}  // namespace freshframe::media

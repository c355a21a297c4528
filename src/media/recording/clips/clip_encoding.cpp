// The encoding of frames for clips, which must suit the files of several containers.
// SPDX-License-Identifier: Apache-2.0
#include "media/recording/clips/clip_encoding.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "media/ffmpeg/write/frame_encoder.hpp"
#include "media/ffmpeg/write/video_codec.hpp"
#include "media/ffmpeg/write/video_muxer.hpp"

extern "C" {
#include <libavutil/opt.h>
}

namespace freshframe::media {

const AVOutputFormat& clip_container() {
  return *av_guess_format("matroska", nullptr, nullptr);
}

VideoFileOptions clip_encoding(const ClipOptions& options) {
  return {.codec = options.codec,
          .quality = options.quality,
          .speed = options.speed,
          .threads = options.threads,
          .options = options.options};
}

VideoFileOptions closed_groups(const ClipOptions& options) {
  constexpr const char* kOption = "forced-idr";
  auto result = clip_encoding(options);
  const AVCodec* encoder = find_video_encoder(codec_name(clip_container(), result));
  const AVClass* known = encoder != nullptr ? encoder->priv_class : nullptr;
  if (known != nullptr &&
      av_opt_find(static_cast<void*>(&known), kOption, nullptr, 0, AV_OPT_SEARCH_FAKE_OBJ) != nullptr)
    result.options.emplace(kOption, "1");
  return result;
}

void check_clip_name(const std::string& path, const ClipOptions& options) {
  const AVOutputFormat* container = find_container(path);
  const auto name = codec_name(clip_container(), clip_encoding(options));
  const AVCodec* codec = find_video_encoder(name);
  const bool apart = container != nullptr && (container->flags & AVFMT_GLOBALHEADER) != 0 &&
                     (container->flags & AVFMT_NOFILE) == 0;
  if (apart && surely_holds(*container, codec->id)) return;
  throw OptionError("cannot write clip '" + path + "': its name must end in .mp4, .mov or .mkv" +
                    (apart ? ", for " + std::string(container->name) + " cannot hold " + name : ""));
}

void check_packet_clip_name(const std::string& path) {
  constexpr std::array<std::string_view, 4> kApart{"mp4", "mov", "matroska", "webm"};  // headers apart
  const AVOutputFormat* container = find_container(path);
  if (container != nullptr && std::ranges::find(kApart, container->name) != kApart.end()) return;
  throw OptionError("cannot write clip '" + path + "': its name must end in .mp4, .mov, .mkv or .webm");
}

}  // namespace freshframe::media

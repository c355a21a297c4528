// Which of a stream's videos is read, where there are several: renditions of a playlist, cameras of one multiplex.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/video_choice.hpp"

#include <cstdint>

namespace freshframe::media {
namespace {

bool is_video(const AVStream& stream) {
  return stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
         (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) == 0;
}

std::int64_t pixels(const AVStream& stream) {
  return std::int64_t{stream.codecpar->width} * stream.codecpar->height;
}

}  // namespace

AVStream* largest_video(const AVFormatContext& input) {
  AVStream* best = nullptr;
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    AVStream* stream = input.streams[i];
    if (!is_video(*stream) || avcodec_find_decoder(stream->codecpar->codec_id) == nullptr) continue;
    if (best == nullptr || pixels(*stream) > pixels(*best)) best = stream;
  }
  return best;
}

std::string list_of_videos(const AVFormatContext& input) {
  std::string list;
  int videos = 0;
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    const auto& parameters = *input.streams[i]->codecpar;
    if (!is_video(*input.streams[i])) continue;
    list += (videos++ == 0 ? "" : ", ") + std::to_string(parameters.width) + "x" +
            std::to_string(parameters.height) + " " + avcodec_get_name(parameters.codec_id);
  }
  return videos > 1 ? list : std::string();
}

}  // namespace freshframe::media

// Lists the videos of a file and chooses the one to read.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/file_videos.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "media/ffmpeg/read/probing.hpp"

extern "C" {
#include <libavutil/parseutils.h>
}

namespace freshframe::media {
namespace {

constexpr std::int64_t kPacketsOfVideo = 2;  // a still image has only one

std::span<AVStream* const> streams_of(const AVFormatContext& input) {
  return {input.streams, input.nb_streams};
}

bool is_video(const AVStream& stream) {
  return stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
}

bool is_marked_as_still(const AVStream& stream) {
  return (stream.disposition & AV_DISPOSITION_STILL_IMAGE) != 0 || stream.nb_frames == 1;
}

std::string describe(const FileVideo& video) {
  const auto text = std::to_string(video.stream->index) + ": " + describe_video(*video.stream);
  if (video.cover) return text + ", cover";
  if (video.still) return text + ", still";
  const auto frames = video.stream->nb_frames;
  return frames > 0 ? text + ", " + std::to_string(frames) + " frames" : text;
}

}  // namespace

std::vector<FileVideo> list_videos(const AVFormatContext& input,
                                   const std::map<int, std::int64_t>& first_packets) {
  std::vector<FileVideo> videos;
  const auto has_few_packets = [&](const AVStream& stream) {
    if (stream.nb_frames > 0 || first_packets.empty()) return false;
    const auto found = first_packets.find(stream.index);
    return found == first_packets.end() || found->second < kPacketsOfVideo;
  };
  for (AVStream* stream : streams_of(input)) {
    if (!is_video(*stream)) continue;
    videos.push_back({.stream = stream,
                      .cover = !is_whole_video(*stream),
                      .still = is_marked_as_still(*stream) || has_few_packets(*stream)});
  }
  return videos;
}

bool must_count_packets(const AVFormatContext& input) {
  const auto streams = streams_of(input);
  const auto is_whole = [](const AVStream* stream) { return is_whole_video(*stream); };
  return std::ranges::count_if(streams, is_whole) > 1 &&
         std::ranges::any_of(streams, [](const AVStream* stream) {
           return is_whole_video(*stream) && stream->nb_frames <= 0;
         });
}

AVStream* choose_video(const std::vector<FileVideo>& videos) {
  const auto rank = [](const FileVideo& video) {
    const bool preferred = (video.stream->disposition & AV_DISPOSITION_DEFAULT) != 0;
    return std::tuple(has_decoder(*video.stream), !video.cover, !video.still, count_pixels(*video.stream),
                      preferred);
  };
  const auto best = std::ranges::max_element(videos, {}, rank);
  return best == videos.end() || !has_decoder(*best->stream) ? nullptr : best->stream;
}

AVStream* choose_image(AVFormatContext& input) {
  const int index = av_find_best_stream(&input, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (index < 0) return nullptr;
  const auto streams = streams_of(input);
  AVStream* const best = streams[static_cast<std::size_t>(index)];
  const auto whole = std::ranges::find_if(streams, [](const AVStream* one) { return is_whole_video(*one); });
  return is_whole_video(*best) || whole == streams.end() ? best : *whole;
}

std::vector<std::string> describe_videos(const std::vector<FileVideo>& videos) {
  std::vector<std::string> list;
  std::ranges::transform(videos, std::back_inserter(list), describe);
  return list;
}

std::optional<std::string> stream_fault(const AVFormatContext& input, const std::vector<FileVideo>& videos,
                                        int index) {
  const auto given = "stream=" + std::to_string(index);
  std::string list;
  for (const auto& video : videos) list += (list.empty() ? "" : "; ") + describe(video);
  const auto streams = streams_of(input);
  if (index >= static_cast<int>(streams.size())) {
    return given + " is not in the file, which has " + std::to_string(streams.size()) +
           " streams; its videos are " + list;
  }
  const AVStream& stream = *streams[static_cast<std::size_t>(index)];
  if (!is_video(stream)) {
    return given + " is " + describe_kind(stream) + ", not a video; its videos are " + list;
  }
  if (!has_decoder(stream))
    return "this build of FFmpeg has no decoder for " + given + "; its videos are " + list;
  return std::nullopt;
}

std::optional<std::int64_t> matroska_end(const AVFormatContext& input, const AVStream& stream,
                                         std::int64_t start) {
  std::int64_t length = input.nb_streams == 1 ? input.duration : 0;  // in microseconds
  if (const auto* tag = av_dict_get(stream.metadata, "DURATION", nullptr, AV_DICT_IGNORE_SUFFIX)) {
    if (av_parse_time(&length, tag->value, 1) < 0) return std::nullopt;
  }
  if (length <= 0) return std::nullopt;
  const auto ticks = av_rescale_q(length, AV_TIME_BASE_Q, stream.time_base);
  const auto* writer = av_dict_get(input.metadata, "encoder", nullptr, 0);
  const bool by_ffmpeg = writer != nullptr && std::string_view(writer->value).starts_with("Lavf");
  return by_ffmpeg ? ticks : av_sat_add64(start, ticks);
}

void StreamSpans::add(int stream, std::int64_t position) {
  auto& span = spans_[stream];
  ++span.packets;
  if (position < 0) return;
  span.first = std::min(span.first.value_or(position), position);
  span.last = std::max(span.last, position);
}

std::int64_t StreamSpans::packets_apart_from(int chosen) const {
  const auto found = spans_.find(chosen);
  if (found == spans_.end() || !found->second.first) return 0;
  const Span& read = found->second;
  std::int64_t packets = 0;
  for (const auto& [stream, span] : spans_) {
    if (stream == chosen || !span.first) continue;
    if (span.last < *read.first || *span.first > read.last) packets += span.packets;
  }
  return packets;
}

}  // namespace freshframe::media

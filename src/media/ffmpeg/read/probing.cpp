// Detects file types by their first bytes, and the streams of a container without decoding images of absurd
// sizes.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/read/probing.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "media/ffmpeg/read/h264_order.hpp"
#include "media/ffmpeg/read/read_packet.hpp"

namespace freshframe::media {
namespace {

bool has_video_codec(const AVStream& stream) {
  const auto& parameters = *stream.codecpar;
  return parameters.codec_type == AVMEDIA_TYPE_VIDEO && parameters.codec_id != AV_CODEC_ID_NONE;
}

bool is_interrupted(const AVFormatContext& input) {
  const auto& check = input.interrupt_callback;
  return check.callback != nullptr && check.callback(check.opaque) != 0;
}

/// Reads the reordering depth from the H.264 header. Returns false if it is not there.
bool take_order(AVCodecParameters& h264) {
  const auto reordered =
      h264_reordered_frames({h264.extradata, static_cast<std::size_t>(h264.extradata_size)});
  if (reordered) h264.video_delay = *reordered;  // avformat_find_stream_info() stores it there, too
  return reordered.has_value();
}

/// Returns the only stream of complete video, or null if there is none or several.
AVStream* only_whole_video(const AVFormatContext& input) {
  AVStream* video = nullptr;
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    AVStream* stream = input.streams[i];
    if (!is_whole_video(*stream)) continue;
    if (video != nullptr) return nullptr;
    video = stream;
  }
  return video;
}

}  // namespace

bool is_heif_brand(std::string_view brand) {
  constexpr std::array<std::string_view, 5> kBrands{"avif", "heic", "heix", "mif1", "heif"};
  return std::find(kBrands.begin(), kBrands.end(), brand) != kBrands.end();
}

bool begins_as_playlist(AVIOContext& io) {
  const int first = avio_r8(&io);
  return avio_seek(&io, 0, SEEK_SET) >= 0 && (first == '#' || first == '<');
}

bool lists_pictures(AVIOContext& io) {
  if ((io.seekable & AVIO_SEEKABLE_NORMAL) == 0) return false;
  constexpr int kMostSegments = 100;
  constexpr unsigned kApplication = 0xFFE0;
  constexpr unsigned kOfTheFormat = 0xFFE2;
  constexpr unsigned kName = 0x4D504600;  // "MPF" and a zero
  constexpr int kHead = 6;                // size of the length and the name in bytes
  bool found = false;
  avio_skip(&io, 2);
  for (int i = 0; i < kMostSegments && !found; ++i) {
    const unsigned marker = avio_rb16(&io);
    const auto length = static_cast<int>(avio_rb16(&io));
    if ((marker & 0xFFF0U) != kApplication || length < kHead) break;
    found = avio_rb32(&io) == kName && marker == kOfTheFormat;
    avio_skip(&io, length - kHead);
  }
  avio_seek(&io, 0, SEEK_SET);
  return found;
}

bool is_whole_video(const AVStream& stream) {
  constexpr int kPart = AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_DEPENDENT;
  return stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO && (stream.disposition & kPart) == 0;
}

bool has_decoder(const AVStream& stream) {
  return avcodec_find_decoder(stream.codecpar->codec_id) != nullptr;
}

std::int64_t count_pixels(const AVStream& stream) {
  return std::int64_t{stream.codecpar->width} * stream.codecpar->height;
}

std::string describe_video(const AVStream& stream) {
  const auto& parameters = *stream.codecpar;
  return std::to_string(parameters.width) + "x" + std::to_string(parameters.height) + " " +
         avcodec_get_name(parameters.codec_id);
}

std::string describe_kind(const AVStream& stream) {
  const char* kind = av_get_media_type_string(stream.codecpar->codec_type);
  return std::string(kind != nullptr ? kind : "data") + " (" + avcodec_get_name(stream.codecpar->codec_id) +
         ")";
}

bool skips_new_streams(const AVFormatContext& input) {
  const std::string_view name = input.iformat->name;
  return name == "mpegts" || name == "mpeg";
}

bool header_tells_all(AVFormatContext& input) {
  AVStream* const video = only_whole_video(input);
  if (video == nullptr || video->r_frame_rate.num <= 0 || video->r_frame_rate.den <= 0) return false;
  auto& parameters = *video->codecpar;
  if (parameters.width <= 0 || parameters.height <= 0) return false;
  const std::string_view name = input.iformat->name;
  switch (parameters.codec_id) {
    case AV_CODEC_ID_H264:
      if (parameters.extradata_size <= 0) return false;
      // The MP4 demuxer derives reordering from the index.
      if (name.rfind("mov,", 0) == 0) return video->nb_frames > 0;
      return name.rfind("matroska,", 0) == 0 && take_order(parameters);
    case AV_CODEC_ID_HEVC:  // the H.265 header always contains the reordering depth
      return parameters.extradata_size > 0 &&
             (name.rfind("matroska,", 0) == 0 || (name.rfind("mov,", 0) == 0 && video->nb_frames > 0));
    case AV_CODEC_ID_VP8:  // VP8 does not reorder
    case AV_CODEC_ID_VP9:
    case AV_CODEC_ID_FFV1:
      return name.rfind("matroska,", 0) == 0;
    default:
      return false;
  }
}

bool must_read_ahead(const AVFormatContext& input) {
  if ((input.ctx_flags & AVFMTCTX_NOHEADER) == 0) return false;
  return std::none_of(input.streams, input.streams + input.nb_streams,
                      [](const AVStream* stream) { return has_video_codec(*stream); });
}

int find_streams_within(AVFormatContext& input, const std::string& most_pixels) {
  std::vector<AVDictionary*> options(std::max(1U, input.nb_streams), nullptr);
  for (auto*& entry : options) av_dict_set(&entry, "max_pixels", most_pixels.c_str(), 0);
  const int most_streams = input.max_streams;
  if (input.nb_streams > 0 && skips_new_streams(input))
    input.max_streams = static_cast<int>(input.nb_streams);
  const int found = avformat_find_stream_info(&input, options.data());
  input.max_streams = most_streams;
  for (auto*& entry : options) av_dict_free(&entry);
  return found;
}

int read_ahead(AVFormatContext& input, std::deque<AvPacketPtr>& packets) {
  constexpr std::chrono::seconds kPatience(3);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (std::int64_t bytes = 0; bytes < input.probesize;) {
    if (!packets.empty() && std::chrono::steady_clock::now() > until) break;
    auto packet = make_av_packet();
    const int result = read_packet(input, *packet);
    if (result == AVERROR(EAGAIN) && !is_interrupted(input)) continue;
    if (result < 0) return result;
    bytes += packet->size + 1;
    const bool found = has_video_codec(*input.streams[packet->stream_index]);
    packets.push_back(std::move(packet));
    if (found) break;
  }
  return 0;
}

}  // namespace freshframe::media

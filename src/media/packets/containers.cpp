// Decides which containers can store a camera's packets without re-encoding.
// SPDX-License-Identifier: Apache-2.0
#include "media/packets/containers.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

#include "media/packets/parameters.hpp"

extern "C" {
#include <libavutil/opt.h>
}

namespace freshframe::media {
namespace {

struct Container {
  std::string_view suffix;
  std::string_view name;  // FFmpeg's name
};

constexpr std::array<Container, 5> kContainers{
    {{".mp4", "mp4"}, {".mov", "mov"}, {".mkv", "matroska"}, {".webm", "webm"}, {".ts", "mpegts"}}};

bool contains(AVCodecID codec, std::initializer_list<AVCodecID> known) {
  return std::ranges::find(known, codec) != known.end();
}

/// AVI cannot: it stores no timestamps, and a camera's are irregular.
bool holds(std::string_view container, AVCodecID codec) {
  if (container == "matroska") return true;
  if (container == "mp4") {
    return contains(codec, {AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_VP9, AV_CODEC_ID_AV1,
                            AV_CODEC_ID_MPEG4, AV_CODEC_ID_MJPEG});
  }
  if (container == "mov")
    return contains(codec, {AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_MPEG4, AV_CODEC_ID_MJPEG});
  if (container == "webm") return contains(codec, {AV_CODEC_ID_VP8, AV_CODEC_ID_VP9, AV_CODEC_ID_AV1});
  if (container == "mpegts")
    return contains(codec, {AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_MPEG2VIDEO, AV_CODEC_ID_MPEG4});
  return false;
}

}  // namespace

bool holds_packets(const AVOutputFormat& container, AVCodecID codec) {
  return holds(container.name, codec);
}

std::string list_containers(AVCodecID codec) {
  std::string text;
  for (const auto& container : kContainers) {
    if (!holds(container.name, codec)) continue;
    text += (text.empty() ? "" : ", ") + std::string(container.suffix);
  }
  return text;
}

void check_container(const std::string& path, const PacketStream& stream) {
  const auto& parameters = make_parameters(stream);
  const auto& container = *av_guess_format(nullptr, path.c_str(), nullptr);
  if (holds_packets(container, parameters.codec->codec_id)) return;
  throw Error("cannot write '" + path + "': the container " + container.name +
              " cannot hold the camera's own " + stream.codec + ", as players know it; names that end in " +
              list_containers(parameters.codec->codec_id) + " can");
}

void check_container_options(const std::string& path, const std::map<std::string, std::string>& options) {
  const auto& container = *av_guess_format(nullptr, path.c_str(), nullptr);
  for (const auto& option : options) {
    const auto& name = option.first;  // clang 14 cannot capture structured bindings
    const auto* of_all = avformat_get_class();
    const auto* own = container.priv_class;
    const auto has = [&](const AVClass* group) {
      return group != nullptr && av_opt_find(static_cast<void*>(&group), name.c_str(), nullptr, 0,
                                             AV_OPT_SEARCH_FAKE_OBJ) != nullptr;
    };
    if (has(of_all) || has(own)) continue;
    throw OptionError("cannot write '" + path + "': its container has no option '" + name +
                      "', and packets have no encoder");
  }
}

}  // namespace freshframe::media

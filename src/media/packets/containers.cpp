// Decides which containers can store a camera's packets without re-encoding.
// SPDX-License-Identifier: Apache-2.0
#include "media/packets/containers.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

#include "media/ffmpeg/write/video_muxer.hpp"
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

template <class Chosen>
std::string list_suffixes(const Chosen& is_chosen) {
  std::string text;
  for (const auto& container : kContainers) {
    if (!is_chosen(container)) continue;
    text += (text.empty() ? "" : ", ") + std::string(container.suffix);
  }
  return text;
}

}  // namespace

bool holds_packets(const AVOutputFormat& container, AVCodecID codec) {
  return holds(container.name, codec);
}

std::string list_containers(AVCodecID codec) {
  return list_suffixes([&](const Container& container) { return holds(container.name, codec); });
}

void warn_about_turn(const std::string& path, const PacketStream& stream) {
  const auto& parameters = make_parameters(stream);
  const auto& container = *av_guess_format(nullptr, path.c_str(), nullptr);
  if (parameters.orientation.total().none() || stores_turn(container)) return;
  const auto others = list_suffixes([&](const Container& other) {
    return holds(other.name, parameters.codec->codec_id) &&
           stores_turn(*av_guess_format(std::string(other.name).c_str(), nullptr, nullptr));
  });
  log(LogLevel::Warning, "'" + path + "' shows the images as the camera sends them, not rotated: a file of " +
                             container.name + " stores no rotation here; record frames instead of packets" +
                             (others.empty() ? "" : ", or use a name that ends in " + others));
}

void check_container(const std::string& path, const PacketStream& stream) {
  const auto& parameters = make_parameters(stream);
  const auto& container = *av_guess_format(nullptr, path.c_str(), nullptr);
  if (holds_packets(container, parameters.codec->codec_id)) return;
  throw Error("cannot write '" + path + "': the container " + container.name + " cannot store the camera's " +
              stream.codec + " in a form that players support: use a name that ends in " +
              list_containers(parameters.codec->codec_id));
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
                      "'. Packets are copied without an encoder, so leave out encoder options");
  }
}

}  // namespace freshframe::media

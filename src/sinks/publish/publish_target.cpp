// Parses and checks the URL that a stream is published to.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/publish/publish_target.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "core/url/masked_url.hpp"
#include "media/ffmpeg/write/video_codec.hpp"

namespace freshframe::media {
namespace {

struct Protocol {
  std::string_view scheme;
  const char* format;
  int port;  // default port; 0 if the URL must have one
};

constexpr std::array<Protocol, 7> kTargets{{{"rtsp", "rtsp", 554},
                                            {"rtsps", "rtsp", 322},
                                            {"rtmp", "flv", 1935},
                                            {"rtmps", "flv", 443},
                                            {"srt", "mpegts", 0},
                                            {"udp", "mpegts", 0},
                                            {"tcp", "mpegts", 0}}};

const Protocol* find_protocol(std::string_view scheme) {
  const auto* const found = std::ranges::find(kTargets, scheme, &Protocol::scheme);
  return found != kTargets.end() ? found : nullptr;
}

/// RTSP is a muxer in FFmpeg, so its TCP protocol is checked separately.
bool has_protocol(std::string_view scheme) {
  if (scheme == "rtsp" || scheme == "rtsps") return av_guess_format("rtsp", nullptr, nullptr) != nullptr;
  void* place = nullptr;
  while (const char* const name = avio_enum_protocols(&place, 1)) {
    if (name == scheme) return true;
  }
  return false;
}

/// The codecs that both the servers for this format and FFmpeg's muxer support.
std::vector<AVCodecID> list_codecs(std::string_view format) {
  if (format == "rtsp")
    return {AV_CODEC_ID_H264, AV_CODEC_ID_VP8, AV_CODEC_ID_MPEG4, AV_CODEC_ID_HEVC, AV_CODEC_ID_MJPEG};
  if (format == "flv") return {AV_CODEC_ID_H264};
  return {AV_CODEC_ID_H264, AV_CODEC_ID_MPEG4, AV_CODEC_ID_HEVC, AV_CODEC_ID_MPEG2VIDEO};
}

/// The port in the URL, or nullopt if it has none. Throws OptionError.
std::optional<int> port_in(const core::LiveUrl& url, const std::string& masked) {
  if (url.host_end >= url.text.size() || url.text[url.host_end] != ':') return std::nullopt;
  const auto rest = std::string_view(url.text).substr(url.host_end + 1);
  const auto text = rest.substr(0, rest.find_first_of("/?#"));
  constexpr int kHighest = 65535;
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= kHighest) return port;
  // The invalid port is not shown, because it may be part of a password.
  throw OptionError("cannot publish to '" + masked + "': the port must be a number from 1 to 65535; " +
                    std::string(core::kEscapesOfPasswords));
}

/// Masks `key` wherever it occurs after the host, and also "user:secret@host/a" if the scheme is missing.
std::string mask_target(const core::LiveUrl& url, std::string_view key) {
  constexpr std::string_view kMissing = "://";
  if (find_protocol(url.scheme) == nullptr)
    return core::shown_url(std::string(kMissing) + url.text).substr(kMissing.size());
  constexpr std::string_view kMask = "***";
  std::string text = url.text;
  auto at = key.empty() ? std::string::npos : text.find('/', url.host_end);
  while ((at = text.find(key, at)) != std::string::npos) {
    text.replace(at, key.size(), kMask);
    at += kMask.size();
  }
  return core::shown_url(text);
}

}  // namespace

std::string_view PublishTarget::stream_key() const noexcept {
  return core::find_stream_key(url_.text);
}

PublishTarget::PublishTarget(const std::string& url) : url_(url), masked_(mask_target(url_, stream_key())) {
  const auto* const protocol = find_protocol(url_.scheme);
  if (protocol == nullptr || url_.host.empty()) {
    throw OptionError(
        "cannot publish to '" + masked_ +
        "': the URL must begin with rtsp://, rtsps://, rtmp://, rtmps://, srt://, udp:// or tcp:// and "
        "name a host");
  }
  if (std::ranges::any_of(url, [](char letter) { return letter >= 0 && letter <= ' '; })) {
    throw OptionError("cannot publish to '" + masked_ +
                      "': a URL cannot contain spaces or control characters: write %20 for a space");
  }
  if (!has_protocol(url_.scheme)) {
    throw OptionError("cannot publish to '" + masked_ + "': the installed FFmpeg does not support " +
                      url_.scheme + "://; use rtsp://, which every FFmpeg supports");
  }
  port_ = port_in(url_, masked_).value_or(protocol->port);
  if (port_ == 0)
    throw OptionError("cannot publish to '" + masked_ + "': the URL has no port: add one, such as :9000");
}

const char* PublishTarget::format() const noexcept {
  return find_protocol(url_.scheme)->format;
}

bool PublishTarget::takes(AVCodecID codec) const {
  const auto known = list_codecs(format());
  return std::ranges::find(known, codec) != known.end();
}

std::string PublishTarget::codecs() const {
  std::string text;
  for (const auto codec : list_codecs(format()))
    text += (text.empty() ? "" : ", ") + std::string(avcodec_get_name(codec));
  return text;
}

std::string PublishTarget::encoder(const std::string& wanted) const {
  if (!is_auto(wanted)) {
    const auto* const encoder = find_video_encoder(wanted);
    if (encoder == nullptr) {
      throw OptionError("cannot publish to '" + masked_ +
                        "': the installed FFmpeg has no encoder for codec '" + wanted + "'");
    }
    if (!takes(encoder->id)) {
      throw OptionError("cannot publish to '" + masked_ + "': " + url_.scheme + " servers do not support " +
                        wanted + "; they support " + codecs());
    }
    return wanted;
  }
  for (const char* const name : {"h264", "vp8", "mpeg4"}) {
    const auto* const encoder = find_video_encoder(name);
    if (encoder != nullptr && takes(encoder->id)) return name;
  }
  throw OptionError(
      "cannot publish frames to '" + masked_ + "': " + url_.scheme + " servers support " + codecs() +
      ", but the installed FFmpeg can encode none of them: publish a camera's own packets, which need no "
      "encoder, or use an rtsp:// URL, which supports other codecs");
}

}  // namespace freshframe::media

// Maps codec names to encoders, and sets them up for live video.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/video_codec.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

extern "C" {
#include <libavutil/opt.h>
}

namespace freshframe::media {
namespace {

struct CodecName {
  std::string_view name;
  std::array<const char*, 3> encoders;  // in order of preference
};

constexpr std::array<CodecName, 9> kCodecs = {{
    {"h264", {"libx264", "libopenh264"}},
    {"h265", {"libx265"}},
    {"hevc", {"libx265"}},
    {"vp8", {"libvpx"}},
    {"vp9", {"libvpx-vp9"}},
    {"av1", {"libaom-av1", "libsvtav1"}},  // SVT-AV1 always writes to stderr
    {"mpeg4", {"mpeg4"}},
    {"mpeg2", {"mpeg2video"}},
    {"mjpeg", {"mjpeg"}},
}};

// FFmpeg does not list the codecs of these containers. They support the MPEG codecs; others would be written
// as private data that no player can read.
bool is_mpeg_container(const AVOutputFormat& container) {
  const std::string_view name = container.name;
  return name == "mpegts" || name == "mpeg" || name == "vob" || name == "svcd" || name == "dvd";
}

bool is_mpeg_codec(AVCodecID codec) {
  constexpr std::array<AVCodecID, 5> kCodecsOfMpeg = {AV_CODEC_ID_MPEG1VIDEO, AV_CODEC_ID_MPEG2VIDEO,
                                                      AV_CODEC_ID_MPEG4, AV_CODEC_ID_H264, AV_CODEC_ID_HEVC};
  return std::find(kCodecsOfMpeg.begin(), kCodecsOfMpeg.end(), codec) != kCodecsOfMpeg.end();
}

// FFmpeg claims that QuickTime supports these, but rejects them at the first frame.
bool is_refused_by_quicktime(AVCodecID codec) {
  return codec == AV_CODEC_ID_VP8 || codec == AV_CODEC_ID_VP9 || codec == AV_CODEC_ID_AV1;
}

void set(AVCodecContext& codec, const char* name, const char* value) {
  av_opt_set(&codec, name, value,
             AV_OPT_SEARCH_CHILDREN);  // ignores options that the encoder does not have
}

}  // namespace

const AVCodec* find_video_encoder(const std::string& name) {
  const auto* const known = std::find_if(kCodecs.begin(), kCodecs.end(),
                                         [&](const CodecName& codec) { return codec.name == name; });
  if (known == kCodecs.end()) return avcodec_find_encoder_by_name(name.c_str());
  for (const char* encoder : known->encoders) {
    if (encoder == nullptr) break;
    if (const AVCodec* found = avcodec_find_encoder_by_name(encoder)) return found;
  }
  return nullptr;
}

bool takes(const AVCodec& encoder, AVPixelFormat format) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100)
  const void* formats = nullptr;
  int count = 0;
  if (avcodec_get_supported_config(nullptr, &encoder, AV_CODEC_CONFIG_PIX_FORMAT, 0, &formats, &count) < 0)
    return true;
  const auto* known = static_cast<const AVPixelFormat*>(formats);
#else
  const auto* known = encoder.pix_fmts;
#endif
  if (known == nullptr) return true;  // unknown to FFmpeg
  for (; *known != AV_PIX_FMT_NONE; ++known) {
    if (*known == format) return true;
  }
  return false;
}

bool can_hold(const AVOutputFormat& container, AVCodecID codec) {
  if (is_mpeg_container(container)) return is_mpeg_codec(codec);
  if (std::string_view(container.name) == "mov" && is_refused_by_quicktime(codec)) return false;
  return avformat_query_codec(&container, codec, FF_COMPLIANCE_NORMAL) != 0;
}

bool surely_holds(const AVOutputFormat& container, AVCodecID codec) {
  return can_hold(container, codec) && avformat_query_codec(&container, codec, FF_COMPLIANCE_NORMAL) == 1;
}

std::string default_codec(const AVOutputFormat& container) {
  for (const std::string name : {"h264", "vp9", "mpeg4"}) {
    const AVCodec* encoder = find_video_encoder(name);
    if (encoder == nullptr || !can_hold(container, encoder->id)) continue;
    const bool takes_it = name == "h264" || surely_holds(container, encoder->id) ||
                          (name == "mpeg4" && is_mpeg_container(container));
    if (takes_it) return name;
  }
  const AVCodec* encoder = avcodec_find_encoder(container.video_codec);
  return encoder != nullptr ? encoder->name : "h264";
}

std::string why_not_h264(const AVOutputFormat& container) {
  if (!surely_holds(container, AV_CODEC_ID_H264) && !is_mpeg_container(container))
    return {};  // the default: VP9 in .webm
  return find_video_encoder("h264") == nullptr ? "the installed FFmpeg has no H.264 encoder" : "";
}

std::string encodable_codecs(const AVOutputFormat& container) {
  std::string names;
  for (const auto& codec : kCodecs) {
    const AVCodec* encoder = find_video_encoder(std::string(codec.name));
    if (encoder == nullptr || !can_hold(container, encoder->id)) continue;
    names += (names.empty() ? "" : ", ") + std::string(codec.name);
  }
  return names;
}

namespace {

/// Settings of libvpx, libaom and SVT-AV1, whose defaults are for films. `live`: for live video.
struct SpeedSetting {
  bool live;
  const char* number;
};

const SpeedSetting& setting(const std::array<SpeedSetting, 4>& settings, EncoderPreset preset) {
  return settings.at(static_cast<std::size_t>(preset));
}

void set_up_vpx(AVCodecContext& codec, EncoderPreset preset) {
  static constexpr std::array<SpeedSetting, 4> kVpx = {{{false, "2"}, {true, "5"}, {true, "8"}, {true, "9"}}};
  const auto& [live, number] = setting(kVpx, preset);
  set(codec, "deadline", live ? "realtime" : "good");
  set(codec, "cpu-used", "8");  // the highest value for VP9
  set(codec, "speed", number);  // the same setting under FFmpeg's name, without that limit
  set(codec, "row-mt", "1");
  // Otherwise 25 frames are buffered, and lost if the process is killed.
  if (live) set(codec, "lag-in-frames", "0");
}

void set_up_aom(AVCodecContext& codec, EncoderPreset preset) {
  static constexpr std::array<SpeedSetting, 4> kAom = {
      {{false, "4"}, {true, "6"}, {true, "8"}, {true, "10"}}};
  const auto& [live, number] = setting(kAom, preset);
  set(codec, "usage", live ? "realtime" : "good");
  set(codec, "cpu-used", "8");  // the highest value of older FFmpeg versions
  set(codec, "cpu-used", number);
  set(codec, "row-mt", "1");
}

/// Presets are names in x264 and x265, and numbers in SVT-AV1.
void set_up_preset(AVCodecContext& codec, EncoderPreset preset) {
  static constexpr std::array<const char*, 4> kWords = {"slow", "medium", "veryfast", "ultrafast"};
  static constexpr std::array<const char*, 4> kNumbers = {"5", "8", "10", "12"};
  const bool numbers = std::string_view(codec.codec->name) == "libsvtav1";
  set(codec, "preset", (numbers ? kNumbers : kWords).at(static_cast<std::size_t>(preset)));
}

}  // namespace

bool has_presets(const AVCodec& encoder) {
  const AVClass* known = encoder.priv_class;
  const auto has = [&known](const char* option) {
    return known != nullptr &&
           av_opt_find(static_cast<void*>(&known), option, nullptr, 0, AV_OPT_SEARCH_FAKE_OBJ) != nullptr;
  };
  return has("preset") || has("cpu-used");
}

void set_up_quality(AVCodecContext& codec, int quality, EncoderPreset preset) {
  const std::string_view encoder = codec.codec->name;
  const bool is_vpx = encoder.rfind("libvpx", 0) == 0;
  const bool is_aom = encoder == "libaom-av1";
  if (is_vpx || is_aom) {
    constexpr int kWorst = 63;
    is_vpx ? set_up_vpx(codec, preset) : set_up_aom(codec, preset);
    codec.bit_rate = 0;                                // constant quality
    const int crf = quality * kWorst / kWorstQuality;  // integer
    av_opt_set_double(&codec, "crf", crf, AV_OPT_SEARCH_CHILDREN);
    return;
  }
  set_up_preset(codec, preset);
  set(codec, "x265-params", "log-level=none");  // otherwise x265 writes to stderr
  if (av_opt_set_double(&codec, "crf", quality, AV_OPT_SEARCH_CHILDREN) >= 0) return;
  constexpr int kBest = 2;  // FFmpeg's own encoders use quantiser scales 2 to 31
  constexpr int kWorst = 31;
  codec.flags |= AV_CODEC_FLAG_QSCALE;
  codec.global_quality = FF_QP2LAMBDA * (kBest + (kWorst - kBest) * quality / kWorstQuality);
}

}  // namespace freshframe::media

namespace freshframe {
namespace {

constexpr std::array<std::string_view, 4> kPresets = {"slow", "medium", "fast", "fastest"};

}  // namespace

std::string_view to_string(EncoderPreset preset) noexcept {
  return kPresets[static_cast<std::size_t>(preset)];
}

EncoderPreset parse_encoder_preset(std::string_view name) {
  const auto* const found = std::find(kPresets.begin(), kPresets.end(), name);
  if (found == kPresets.end()) {
    throw OptionError("preset must be 'slow', 'medium', 'fast' or 'fastest', got '" + std::string(name) +
                      "'");
  }
  return static_cast<EncoderPreset>(found - kPresets.begin());
}

}  // namespace freshframe

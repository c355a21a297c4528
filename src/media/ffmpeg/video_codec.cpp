// The encoders for the names of codecs, and their settings for live video.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/video_codec.hpp"

#include <algorithm>
#include <array>
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
    {"av1", {"libaom-av1", "libsvtav1"}},  // SVT-AV1 writes to stderr and has no option against it
    {"mpeg4", {"mpeg4"}},
    {"mpeg2", {"mpeg2video"}},
    {"mjpeg", {"mjpeg"}},
}};

bool can_hold(const AVOutputFormat& container, const AVCodec& encoder) {
  return avformat_query_codec(&container, encoder.id, FF_COMPLIANCE_NORMAL) != 0;
}

// FFmpeg has no list of the codecs in these. All hold the codecs of MPEG.
bool is_of_mpeg(const AVOutputFormat& container) {
  const std::string_view name = container.name;
  return name == "mpegts" || name == "mpeg" || name == "vob" || name == "svcd" || name == "dvd";
}

void set(AVCodecContext& codec, const char* name, const char* value) {
  av_opt_set(&codec, name, value,
             AV_OPT_SEARCH_CHILDREN);  // an option unknown to this encoder is not needed
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

bool surely_holds(const AVOutputFormat& container, AVCodecID codec) {
  // FFmpeg promises VP9 in QuickTime's files, and refuses it at the first frame.
  if (codec == AV_CODEC_ID_VP9 && std::string_view(container.name) == "mov") return false;
  return avformat_query_codec(&container, codec, FF_COMPLIANCE_NORMAL) == 1;
}

std::string default_codec(const AVOutputFormat& container) {
  for (const std::string name : {"h264", "vp9", "mpeg4"}) {
    const AVCodec* encoder = find_video_encoder(name);
    if (encoder == nullptr || !can_hold(container, *encoder)) continue;
    const bool takes_it =
        name == "h264" || surely_holds(container, encoder->id) || (name == "mpeg4" && is_of_mpeg(container));
    if (takes_it) return name;
  }
  const AVCodec* encoder = avcodec_find_encoder(container.video_codec);
  return encoder != nullptr ? encoder->name : "h264";
}

std::string why_not_h264(const AVOutputFormat& container) {
  if (!surely_holds(container, AV_CODEC_ID_H264) && !is_of_mpeg(container))
    return {};  // the usual choice: VP9 in .webm
  return find_video_encoder("h264") == nullptr ? "the installed FFmpeg has no H.264 encoder" : "";
}

std::string encodable_codecs(const AVOutputFormat& container) {
  std::string names;
  for (const auto& codec : kCodecs) {
    const AVCodec* encoder = find_video_encoder(std::string(codec.name));
    if (encoder == nullptr || !can_hold(container, *encoder)) continue;
    names += (names.empty() ? "" : ", ") + std::string(codec.name);
  }
  return names;
}

void set_up_quality(AVCodecContext& codec, int quality) {
  const std::string_view encoder = codec.codec->name;
  const bool is_vpx = encoder.rfind("libvpx", 0) == 0;
  const bool is_aom = encoder == "libaom-av1";
  if (is_vpx || is_aom) {  // made for films; these are their settings for live video
    constexpr int kWorst = 63;
    set(codec, is_vpx ? "deadline" : "usage", "realtime");
    set(codec, "cpu-used", "8");
    set(codec, "row-mt", "1");
    codec.bit_rate = 0;  // constant quality
    av_opt_set_double(&codec, "crf", quality * kWorst / kWorstQuality, AV_OPT_SEARCH_CHILDREN);
    return;
  }
  // x264 and x265 have presets. This one is fast enough for a camera on one core.
  set(codec, "preset", "veryfast");
  set(codec, "x265-params", "log-level=none");  // it would write to stderr
  if (av_opt_set_double(&codec, "crf", quality, AV_OPT_SEARCH_CHILDREN) >= 0) return;
  constexpr int kBest = 2;  // the quantiser scale of FFmpeg's own encoders is 2 .. 31
  constexpr int kWorst = 31;
  codec.flags |= AV_CODEC_FLAG_QSCALE;
  codec.global_quality = FF_QP2LAMBDA * (kBest + (kWorst - kBest) * quality / kWorstQuality);
}

}  // namespace freshframe::media

// Codec selection and encoder settings for recordings.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/encoding.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <array>
#include <atomic>
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
          .crf = options.crf,
          .preset = options.preset,
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

namespace {

// Returns what a clip's name must do, such as "end in .mp4", or an empty string if `path` does it.
std::string find_fault(const std::string& path, const ClipOptions& options) {
  const AVOutputFormat* container = find_container(path);
  const auto name = codec_name(clip_container(), clip_encoding(options));
  const AVCodec* codec = find_video_encoder(name);
  const bool apart = container != nullptr && (container->flags & AVFMT_GLOBALHEADER) != 0 &&
                     (container->flags & AVFMT_NOFILE) == 0;
  if (apart && surely_holds(*container, codec->id)) return {};
  return "end in .mp4, .mov or .mkv" +
         (apart ? ", for " + std::string(container->name) + " cannot hold " + name : "");
}

std::string find_packet_fault(const std::string& path) {
  // containers that need codec headers separate from the packets
  constexpr std::array<std::string_view, 4> kApart{"mp4", "mov", "matroska", "webm"};
  const AVOutputFormat* container = find_container(path);
  const bool fits = container != nullptr && std::ranges::find(kApart, container->name) != kApart.end();
  return fits ? "" : "end in .mp4, .mov, .mkv or .webm";
}

void check_name(const std::string& path, const std::string& fault) {
  if (!fault.empty()) throw OptionError("cannot write clip '" + path + "': its name must " + fault);
}

void check_pattern(const std::string& names, const std::string& fault) {
  if (!fault.empty()) throw OptionError("keep_names must " + fault + ", got '" + names + "'");
}

}  // namespace

void check_clip_name(const std::string& path, const ClipOptions& options) {
  check_name(path, find_fault(path, options));
}

void check_packet_clip_name(const std::string& path) {
  check_name(path, find_packet_fault(path));
}

void check_keep_names(const ClipOptions& options) {
  const auto& names = options.keep_names;
  if (!names.empty()) check_pattern(names, find_fault(names, options));
}

void check_packet_keep_names(const ClipOptions& options) {
  const auto& names = options.keep_names;
  if (!names.empty()) check_pattern(names, find_packet_fault(names));
}

void check_either_keep_names(const ClipOptions& options) {
  const auto& names = options.keep_names;
  if (names.empty() || find_fault(names, options).empty() || find_packet_fault(names).empty()) return;
  check_pattern(names, "end in .mp4, .mov or .mkv (with packets also .webm)");
}

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
          ". Not every player supports that: use a name that ends in .webm or .mkv for vp9, codec='mpeg4', "
          "which nearly all players support, or an FFmpeg with libx264, which writes H.264. To keep " +
          codec + " without this message, pass codec='" + codec + "'");
}

std::string way_to_encode_faster(const std::string& codec, EncoderPreset preset) {
  const AVCodec* const encoder = find_video_encoder(codec);
  const bool faster = encoder != nullptr && has_presets(*encoder) && preset != EncoderPreset::Fastest;
  return std::string("use smaller frames, ") + (faster ? "preset='fastest'" : "another codec") +
         " or a faster disk";
}

}  // namespace freshframe::media

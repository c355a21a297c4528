// Finds and parses FFmpeg options by name.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/options.hpp"

#include "freshframe/error.hpp"

#include <cerrno>
#include <cstdint>
#include <memory>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
}

namespace freshframe::media {
namespace {

/// Searches a class and its children. AVFormatContext's children include all protocols and containers, and
/// AVCodecContext's all codecs.
bool has_option(const AVClass* options, const std::string& name) {
  return av_opt_find(static_cast<void*>(&options), name.c_str(), nullptr, 0,
                     AV_OPT_SEARCH_CHILDREN | AV_OPT_SEARCH_FAKE_OBJ) != nullptr;
}

}  // namespace

void check_known(const std::map<std::string, std::string>& options, const std::string& url) {
  std::string unknown;
  for (const auto& [name, value] : options) {
    if (has_option(avformat_get_class(), name) || has_option(avcodec_get_class(), name)) continue;
    unknown += (unknown.empty() ? "'" : ", '") + name + "'";
  }
  if (unknown.empty()) return;
  throw SourceError(
      "cannot open '" + url + "': FFmpeg's protocols, readers and decoders have no option " + unknown, url,
      EINVAL);
}

bool leaves_frames_out(const std::map<std::string, std::string>& options) {
  const auto found = options.find("skip_frame");
  return found != options.end() && found->second != "none" && found->second != "default";
}

std::string protocol_text(AVIOContext& io, const char* name) {
  std::uint8_t* text = nullptr;
  if (io.av_class == nullptr || av_opt_get(&io, name, AV_OPT_SEARCH_CHILDREN, &text) < 0) return {};
  const std::unique_ptr<std::uint8_t, decltype(&av_free)> owner(text, &av_free);
  return text == nullptr ? std::string() : reinterpret_cast<const char*>(text);
}

}  // namespace freshframe::media

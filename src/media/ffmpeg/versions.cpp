// The version of FFmpeg.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/media.hpp"

#include <string>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
}

namespace freshframe {
namespace {

std::string dotted(unsigned version) {
  return std::to_string(AV_VERSION_MAJOR(version)) + "." + std::to_string(AV_VERSION_MINOR(version)) + "." +
         std::to_string(AV_VERSION_MICRO(version));
}

}  // namespace

MediaVersions media_versions() {
  return {.avformat = dotted(avformat_version()),
          .avcodec = dotted(avcodec_version()),
          .avutil = dotted(avutil_version()),
          .license = avformat_license(),
          .configuration = avformat_configuration()};
}

}  // namespace freshframe

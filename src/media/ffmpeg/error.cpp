// Converts FFmpeg's error codes to messages and errno values.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/error.hpp"

#include <array>
#include <cctype>

extern "C" {
#include <libavutil/error.h>
}

namespace freshframe::media {

std::string ffmpeg_text(int error) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> buffer{};
  av_strerror(error, buffer.data(), buffer.size());
  std::string text(buffer.data());
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

std::string unknown_option_text(const std::string& url, const std::string& container,
                                const std::string& decoder, const std::string& names) {
  return "cannot open '" + url + "': FFmpeg's " + container + " reader and " + decoder +
         " decoder have no option " + names;
}

int ffmpeg_errno(int error) noexcept {
  constexpr int kLargestErrno = 4095;  // FFmpeg's own codes are four-character tags, far below -4095
  const int code = AVUNERROR(error);
  return code > 0 && code <= kLargestErrno ? code : 0;
}

}  // namespace freshframe::media

// Base64 encoding with FFmpeg.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/base64.hpp"

#include <cstdint>
#include <new>

extern "C" {
#include <libavutil/base64.h>
}

namespace freshframe::media {

std::string base64(std::string_view bytes) {
  std::string encoded(AV_BASE64_SIZE(bytes.size()), '\0');
  const auto* const octets = reinterpret_cast<const std::uint8_t*>(bytes.data());
  if (av_base64_encode(encoded.data(), static_cast<int>(encoded.size()), octets,
                       static_cast<int>(bytes.size())) == nullptr) {
    throw std::bad_alloc();
  }
  encoded.resize(encoded.find('\0'));
  return encoded;
}

}  // namespace freshframe::media

// Reads a picture's size and pixel format from its packet, for codecs whose parser in FFmpeg does not.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

extern "C" {
#include <libavcodec/codec_id.h>
#include <libavutil/pixfmt.h>
}

namespace freshframe::media {

struct PictureForm {
  int width = 0;  // pixels
  int height = 0;
  AVPixelFormat format = AV_PIX_FMT_NONE;  // none: the header does not say
};

/// The form of a key picture of Motion JPEG or VP9; nullopt for another codec, or without such a header.
[[nodiscard]] std::optional<PictureForm> picture_form(AVCodecID codec, std::span<const std::uint8_t> packet);

}  // namespace freshframe::media

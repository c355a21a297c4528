// Reads a picture's size and pixel format from its packet, for codecs whose parser in FFmpeg does not: the frame header
// of Motion JPEG (ITU-T T.81, B.2.2), and the uncompressed header of VP9 (VP9 Bitstream & Decoding Process Specification,
// 6.2).
// SPDX-License-Identifier: Apache-2.0
#include "media/packets/picture_form.hpp"

#include <cstddef>
#include <string>

#include "media/network/stream/key_gate.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace freshframe::media {
namespace {

using PictureBytes = std::span<const std::uint8_t>;

/// The number of two bytes, the first one higher.
int pair_at(PictureBytes bytes, std::size_t at) noexcept {
  return bytes[at] << 8 | bytes[at + 1];
}

/// SOF0 to SOF15, without the tables and arithmetic's conditions that have numbers between them.
bool is_frame_header(int marker) noexcept {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

std::optional<PictureForm> jpeg_form(PictureBytes bytes) noexcept {
  std::size_t at = 2;  // behind the start of the image
  while (at + 9 <= bytes.size() && bytes[at] == 0xFF) {
    if (is_frame_header(bytes[at + 1]))
      return PictureForm{.width = pair_at(bytes, at + 7), .height = pair_at(bytes, at + 5)};
    at += 2 + static_cast<std::size_t>(pair_at(bytes, at + 2));
  }
  return std::nullopt;
}

/// Bits, the highest of a byte first. Behind the end they are 0.
class Vp9Header {
 public:
  explicit Vp9Header(PictureBytes bytes) noexcept : bytes_(bytes) {}
  int take(int count) noexcept {
    int value = 0;
    for (; count > 0; --count, ++at_) {
      const int byte = at_ / 8 < bytes_.size() ? bytes_[at_ / 8] : 0;
      value = value << 1 | (byte >> (7 - at_ % 8) & 1);
    }
    return value;
  }

 private:
  PictureBytes bytes_;
  std::size_t at_ = 0;
};

/// `fine`: no subsampling in x, in y.
AVPixelFormat vp9_format(int depth, bool fine_x, bool fine_y) {
  const std::string chroma = !fine_x ? (fine_y ? "422p" : "420p") : (fine_y ? "444p" : "440p");
  return av_get_pix_fmt(("yuv" + chroma + (depth > 8 ? std::to_string(depth) + "le" : "")).c_str());
}

std::optional<PictureForm> vp9_form(PictureBytes bytes) {
  if (!is_vp9_key(bytes)) return std::nullopt;
  Vp9Header header(bytes);
  header.take(2);  // frame_marker
  const int low = header.take(1);
  const int profile = header.take(1) << 1 | low;
  header.take(profile == 3 ? 5 : 4);  // up to error_resilient_mode
  constexpr int kSync = 0x498342;
  if (header.take(24) != kSync) return std::nullopt;
  const int depth = profile < 2 ? 8 : (header.take(1) != 0 ? 12 : 10);
  const bool samples = profile == 1 || profile == 3;  // the subsampling follows
  bool fine_x = false;
  bool fine_y = false;
  constexpr int kRgb = 7;
  if (header.take(3) == kRgb) {
    fine_x = fine_y = true;
    if (samples) header.take(1);  // reserved_zero
  } else {
    header.take(1);  // color_range
    if (samples) {
      fine_x = header.take(1) == 0;
      fine_y = header.take(1) == 0;
      header.take(1);  // reserved_zero
    }
  }
  const int width = header.take(16) + 1;
  return PictureForm{
      .width = width, .height = header.take(16) + 1, .format = vp9_format(depth, fine_x, fine_y)};
}

}  // namespace

std::optional<PictureForm> picture_form(AVCodecID codec, std::span<const std::uint8_t> packet) {
  if (codec == AV_CODEC_ID_MJPEG) return jpeg_form(packet);
  if (codec == AV_CODEC_ID_VP9) return vp9_form(packet);
  return std::nullopt;
}

}  // namespace freshframe::media

// Still pictures: any that FFmpeg decodes, written as PNG or JPEG.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include "media/encoder_frame.hpp"
#include "media/ffmpeg_error.hpp"
#include "media/ffmpeg_log.hpp"
#include "media/frame_maker.hpp"
#include "media/picture_decoder.hpp"
#include "media/url.hpp"

namespace freshframe {
namespace {

/// JPEG's quantiser scale, 2 (best that stays within the standard tables) .. 31.
constexpr int kJpegScale = 2;

struct PictureCodec {
  AVCodecID id = AV_CODEC_ID_NONE;
  const char* name = "";
};

PictureCodec codec_of(const std::string& path) {
  auto suffix = std::filesystem::path(path).extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (suffix == ".png") return {AV_CODEC_ID_PNG, "PNG"};
  if (suffix == ".jpg" || suffix == ".jpeg") return {AV_CODEC_ID_MJPEG, "JPEG"};
  throw Error("cannot write the picture '" + path + "': its name must end in .png, .jpg or .jpeg");
}

Frame for_png(const Frame& frame) {
  const auto& format = frame.picture_format();
  const bool gray = format.format == PixelFormat::Gray && format.range == ColorRange::Full;
  return gray || format.format == PixelFormat::Rgb ? frame : frame.to(PixelFormat::Rgb);
}

AvPacketPtr encode(const Frame& picture, const PictureCodec& kind) {
  const AVCodec* encoder = avcodec_find_encoder(kind.id);
  if (encoder == nullptr) throw Error(std::string("this build of FFmpeg has no encoder for ") + kind.name);
  const auto frame = to_av_frame(picture);
  const auto codec = make_codec(encoder);
  codec->width = frame->width;
  codec->height = frame->height;
  codec->pix_fmt = static_cast<AVPixelFormat>(frame->format);
  codec->color_range = frame->color_range;
  codec->time_base = {1, 25};
  codec->thread_count = 1;
  if (kind.id == AV_CODEC_ID_MJPEG) {
    codec->flags |= AV_CODEC_FLAG_QSCALE;
    codec->global_quality = kJpegScale * FF_QP2LAMBDA;
    frame->quality = codec->global_quality;
  }
  auto packet = make_av_packet();
  int result = avcodec_open2(codec.get(), encoder, nullptr);
  if (result >= 0) result = avcodec_send_frame(codec.get(), frame.get());
  if (result >= 0) result = avcodec_send_frame(codec.get(), nullptr);
  if (result >= 0) result = avcodec_receive_packet(codec.get(), packet.get());
  if (result < 0) throw Error(std::string(kind.name) + " encoding failed: " + ffmpeg_text(result));
  return packet;
}

}  // namespace

Frame read_picture(const std::string& path) {
  const auto shown = mask_passwords(path);
  if (url_kind(path) != UrlKind::File)
    throw SourceError("cannot read '" + shown + "': it is no picture file", shown);
  Dictionary options;
  auto picture = decode_picture({.url = shown, .path = local_path(path)}, 1, options);
  return FrameMaker().make(std::move(picture.frame));
}

void write_picture(const Frame& frame, const std::string& path) {
  install_ffmpeg_log();
  if (!frame) throw Error("cannot write the picture '" + path + "': the frame is empty");
  const auto kind = codec_of(path);
  const auto packet = encode(kind.id == AV_CODEC_ID_PNG ? for_png(frame) : as_jpeg(frame), kind);
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(packet->data), packet->size);
  file.close();
  if (!file) {
    const int code = errno;
    const auto why = code != 0 ? std::generic_category().message(code) : "it could not be written";
    throw Error("cannot write the picture '" + path + "': " + why);
  }
}

}  // namespace freshframe

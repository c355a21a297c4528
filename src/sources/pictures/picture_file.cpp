// Reads still images in any format that FFmpeg decodes, and writes PNG and JPEG.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "core/ascii.hpp"
#include "core/file_claim.hpp"
#include "media/colour/jpeg_encoder.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/read/frame_maker.hpp"
#include "media/ffmpeg/write/frame_encoder.hpp"
#include "media/url/source_url.hpp"
#include "platform/file.hpp"
#include "sources/file/file_source.hpp"
#include "sources/pictures/picture_decoder.hpp"

namespace freshframe {
namespace {

using media::decode_picture;
using media::Dictionary;
using media::ffmpeg_text;
using media::FileSource;
using media::FrameMaker;
using media::install_ffmpeg_log;
using media::JpegEncoder;
using media::make_av_packet;
using media::make_codec;
using media::SourceUrl;
using media::to_av_frame;
using media::UrlKind;

constexpr int kJpegQuality = 95;  // libjpeg's manual advises against more than 95 of 100

bool is_jpeg(const std::string& path) {
  const auto suffix = core::lower_case(std::filesystem::path(path).extension().string());
  if (suffix == ".png") return false;
  if (suffix == ".jpg" || suffix == ".jpeg") return true;
  throw OptionError("cannot write the image '" + path + "': its name must end in .png, .jpg or .jpeg");
}

Frame for_png(const Frame& frame) {
  const auto& format = frame.picture_format();
  const bool gray = format.format == PixelFormat::Gray && format.range == ColorRange::Full;
  return gray || format.format == PixelFormat::Rgb ? frame : frame.to(PixelFormat::Rgb);
}

std::string png(const Frame& picture) {
  const AVCodec* encoder = avcodec_find_encoder(AV_CODEC_ID_PNG);
  if (encoder == nullptr) throw Error("this build of FFmpeg has no encoder for PNG");
  const auto frame = to_av_frame(picture);
  const auto codec = make_codec(encoder);
  codec->width = frame->width;
  codec->height = frame->height;
  codec->pix_fmt = static_cast<AVPixelFormat>(frame->format);
  codec->color_range = frame->color_range;
  codec->time_base = {1, 25};
  codec->thread_count = 1;
  auto packet = make_av_packet();
  int result = avcodec_open2(codec.get(), encoder, nullptr);
  if (result >= 0) result = avcodec_send_frame(codec.get(), frame.get());
  if (result >= 0) result = avcodec_send_frame(codec.get(), nullptr);
  if (result >= 0) result = avcodec_receive_packet(codec.get(), packet.get());
  if (result < 0) throw Error("PNG encoding failed: " + ffmpeg_text(result));
  return {reinterpret_cast<const char*>(packet->data), static_cast<std::size_t>(packet->size)};
}

Frame frame_at(const SourceUrl& url, double pts) {
  if (!(pts >= 0 && std::isfinite(pts))) {
    throw OptionError("pts must be a number of seconds, 0 or more, got " + std::to_string(pts));
  }
  FileSource source(url, {.start = pts}, FileSource::Begin::Showing);
  NodeCounters counters;
  const auto clock = Clock::real();
  const Context context{{}, *clock, counters};
  source.open(context);
  auto frame = source.read(context)->value;
  source.close();
  return frame;
}

}  // namespace

Frame read_frame(const std::string& path, std::optional<double> pts) {
  const SourceUrl url(path);
  if (url.kind != UrlKind::File)
    throw SourceError(
        "cannot read '" + url.masked + "': it is not " + (pts ? "a video file" : "an image file"),
        url.masked);
  if (pts) return frame_at(url, *pts);
  Dictionary options;
  auto picture = decode_picture({.url = url.masked, .path = url.path()}, 1, options);
  FrameMaker maker;
  maker.set_turn(picture.turn);
  return maker.make(std::move(picture.frame));
}

void write_frame(const Frame& frame, const std::string& path) {
  install_ffmpeg_log();
  media::check_is_no_url(path);
  if (!frame) throw Error("cannot write the image '" + path + "': the frame is empty");
  const auto bytes =
      is_jpeg(path) ? JpegEncoder().encode(frame, frame.width(), kJpegQuality).bytes : png(for_png(frame));
  platform::WholeFile target;
  int error = platform::find_whole_file(path, target);
  if (error == 0 && target.file.is_open()) {
    const auto* const writer = core::find_writer({.number = target.file.number(), .id = target.facts.id});
    if (writer != nullptr)
      throw Error("cannot write the image '" + path + "': " + writer + "; write to another path");
  }
  if (error == 0) error = platform::replace_whole_file(target, bytes, platform::Durability::Renamed);
  if (error != 0)
    throw std::filesystem::filesystem_error("cannot write the image", path, {error, std::generic_category()});
}

}  // namespace freshframe

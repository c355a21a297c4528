// Frames in the form for FFmpeg's encoders.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/encoder_frame.hpp"

#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "media/colour/jfif_colours.hpp"
#include "media/colour/pixel_conversions.hpp"

extern "C" {
#include <libavutil/buffer.h>
}

namespace freshframe::media {
namespace {

void drop_frame(void* opaque, std::uint8_t* /*data*/) noexcept {
  const std::unique_ptr<Frame> last(static_cast<Frame*>(opaque));
}

AVPixelFormat encoder_format(const PictureFormat& format) {
  const bool full = format.range == ColorRange::Full;
  switch (format.format) {
    case PixelFormat::Gray:
      return AV_PIX_FMT_GRAY8;
    case PixelFormat::Nv12:
      return AV_PIX_FMT_NV12;
    case PixelFormat::I420:
      return full ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUV420P;
    case PixelFormat::I422:
      return full ? AV_PIX_FMT_YUVJ422P : AV_PIX_FMT_YUV422P;
    case PixelFormat::I444:
      return full ? AV_PIX_FMT_YUVJ444P : AV_PIX_FMT_YUV444P;
    case PixelFormat::Bgr:
      return AV_PIX_FMT_BGR24;
    case PixelFormat::Rgb:
      return AV_PIX_FMT_RGB24;
  }
  return AV_PIX_FMT_NONE;
}

AVColorSpace encoder_space(const PictureFormat& format) {
  if (is_packed_rgb(format.format)) return AVCOL_SPC_RGB;
  switch (format.space) {
    case ColorSpace::Bt601:
      return AVCOL_SPC_SMPTE170M;
    case ColorSpace::Bt709:
      return AVCOL_SPC_BT709;
    case ColorSpace::Bt2020:
      return AVCOL_SPC_BT2020_NCL;
    case ColorSpace::Unspecified:
      break;
  }
  return AVCOL_SPC_UNSPECIFIED;
}

void convert(const Picture& from, const MutablePicture& to) {
  if (!pixel_ops().convert(from, to)) {
    throw Error("cannot convert a " + std::string(to_string(from.format.format)) + " frame to " +
                std::string(to_string(to.format.format)));
  }
}

Frame converted(const Frame& frame, const PictureFormat& to) {
  FrameBuilder builder(to);
  convert(frame.picture(), builder.picture());
  return std::move(builder).publish(pixel_ops());
}

}  // namespace

AvFramePtr to_av_frame(const Frame& frame) {
  const auto picture = frame.picture();
  auto result = make_av_frame();
  Frame* const handle = std::make_unique<Frame>(frame).release();  // drop_frame() frees it
  result->buf[0] = av_buffer_create(const_cast<std::uint8_t*>(picture.planes[0].data), frame.size_bytes(),
                                    drop_frame, handle, AV_BUFFER_FLAG_READONLY);
  if (result->buf[0] == nullptr) {
    drop_frame(handle, nullptr);
    throw std::bad_alloc();
  }
  result->width = picture.format.width;
  result->height = picture.format.height;
  result->format = encoder_format(picture.format);
  result->color_range = picture.format.range == ColorRange::Full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  result->colorspace = encoder_space(picture.format);
  for (int i = 0; i < picture.format.plane_count(); ++i) {
    const auto& plane = picture.planes[static_cast<std::size_t>(i)];
    result->data[i] = const_cast<std::uint8_t*>(plane.data);
    result->linesize[i] = static_cast<int>(plane.stride);
  }
  return result;
}

PictureFormat video_format(const PictureFormat& format) {
  auto result = format;
  if (is_packed_rgb(format.format)) result.range = ColorRange::Limited;
  result.space = core::matrix_of(result);
  result.format = PixelFormat::I420;
  return result;
}

Frame as_video(const Frame& frame) {
  if (frame.format() == PixelFormat::I420) return frame;
  return converted(frame, video_format(frame.picture_format()));
}

Frame as_jpeg(const Frame& frame) {
  const PictureFormat to{frame.width(), frame.height(), PixelFormat::I420, ColorRange::Full,
                         ColorSpace::Bt601};
  if (is_packed_rgb(frame.format())) return converted(frame, to);
  const auto own = frame.picture_format();
  if (own.format == PixelFormat::I420 && has_jfif_colours(own)) return frame;
  FrameBuilder builder(to);
  auto picture = builder.picture();
  picture.format.range = own.range;
  picture.format.space = core::matrix_of(own);
  convert(frame.picture(), picture);
  if (!has_jfif_colours(picture.format)) {
    std::vector<int> scratch;
    to_jfif_colours(picture, scratch);
  }
  return std::move(builder).publish(pixel_ops());
}

}  // namespace freshframe::media

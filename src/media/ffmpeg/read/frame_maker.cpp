// Makes Frames from AVFrames: without a copy if Frame supports the layout, otherwise by conversion.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/read/frame_maker.hpp"

#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/frame/frame_access.hpp"
#include "media/colour/pixel_conversions.hpp"
#include "media/device/card_memory.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace freshframe::media {
namespace {

bool is_rgb(const AVPixFmtDescriptor& description) {
  return (description.flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;
}

/// Returns the nearest 8-bit format. Chroma is as fine as in the stream, but at least 4:2:0.
PixelFormat nearest(AVPixelFormat format) {
  if (const auto same = same_layout(format)) return *same;
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
  if (description == nullptr)
    throw Error("FFmpeg delivered a frame of an unknown pixel format: " + std::to_string(format));
  if ((description->flags & AV_PIX_FMT_FLAG_HWACCEL) != 0) {
    throw Error("FFmpeg delivered a frame in device memory (" + std::string(description->name) +
                "), which is not supported");
  }
  if (is_rgb(*description)) return PixelFormat::Rgb;
  if (description->nb_components < 3) return PixelFormat::Gray;
  if (description->log2_chroma_w == 0) return PixelFormat::I444;
  return description->log2_chroma_h == 0 ? PixelFormat::I422 : PixelFormat::I420;
}

AVPixelFormat ffmpeg_format(PixelFormat format) {
  switch (format) {
    case PixelFormat::Gray:
      return AV_PIX_FMT_GRAY8;
    case PixelFormat::Nv12:
      return AV_PIX_FMT_NV12;
    case PixelFormat::I420:
      return AV_PIX_FMT_YUV420P;
    case PixelFormat::I422:
      return AV_PIX_FMT_YUV422P;
    case PixelFormat::I444:
      return AV_PIX_FMT_YUV444P;
    case PixelFormat::Bgr:
      return AV_PIX_FMT_BGR24;
    case PixelFormat::Rgb:
      return AV_PIX_FMT_RGB24;
  }
  return AV_PIX_FMT_NONE;
}

/// Replaces deprecated "full range" formats (yuvj). The range is stored separately, and a scaler created for
/// such a format could not be reused.
AVPixelFormat without_range(AVPixelFormat format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P:
      return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
      return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ440P:
      return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ444P:
      return AV_PIX_FMT_YUV444P;
    default:
      return format;
  }
}

bool has_negative_stride(const AVFrame& frame, int planes) {
  for (int i = 0; i < planes; ++i) {
    if (frame.linesize[i] < 0) return true;
  }
  return false;
}

PictureFormat describe_format(const AVFrame& frame, PixelFormat format) {
  return {frame.width, frame.height, format, read_range(frame), read_space(frame)};
}

Picture view(const AVFrame& frame, const PictureFormat& format) {
  Picture picture{format};
  for (int i = 0; i < format.plane_count(); ++i) {
    auto& plane = picture.planes[static_cast<std::size_t>(i)];
    plane = format.plane_shape(i);
    plane.data = frame.data[i];
    plane.stride = frame.linesize[i];
  }
  return picture;
}

std::size_t bytes_behind(const Picture& picture) {
  std::size_t bytes = 0;
  for (const auto& plane : picture.planes) {
    bytes += static_cast<std::size_t>(plane.stride) * static_cast<std::size_t>(plane.rows);
  }
  return bytes;
}

}  // namespace

std::optional<PixelFormat> same_layout(AVPixelFormat format) noexcept {
  switch (format) {
    case AV_PIX_FMT_YUV420P:
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVA420P:
      return PixelFormat::I420;
    case AV_PIX_FMT_YUV422P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVA422P:
      return PixelFormat::I422;
    case AV_PIX_FMT_YUV444P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVA444P:
      return PixelFormat::I444;
    case AV_PIX_FMT_NV12:
      return PixelFormat::Nv12;
    case AV_PIX_FMT_GRAY8:
      return PixelFormat::Gray;
    case AV_PIX_FMT_BGR24:
      return PixelFormat::Bgr;
    case AV_PIX_FMT_RGB24:
      return PixelFormat::Rgb;
    default:
      return std::nullopt;
  }
}

std::optional<FrameSize> wanted_size(const OpenOptions& options) {
  if (!options.width || !options.height) return std::nullopt;
  return FrameSize{*options.width, *options.height};
}

int wanted_quarters(const OpenOptions& options) noexcept {
  constexpr int kQuarter = 90;  // degrees
  return options.rotate / kQuarter;
}

FrameSize turned(FrameSize size, Turn turn) noexcept {
  return turn.lies() ? FrameSize{size.height, size.width} : size;
}

AVPixelFormat get_stored_format(const AVFrame& frame) noexcept {
  return frame.format == AV_PIX_FMT_CUDA ? AV_PIX_FMT_NV12 : static_cast<AVPixelFormat>(frame.format);
}

ColorRange read_range(const AVFrame& frame) noexcept {
  const auto format = get_stored_format(frame);
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
  if (description != nullptr && is_rgb(*description)) return ColorRange::Full;
  if (frame.color_range == AVCOL_RANGE_JPEG) return ColorRange::Full;
  if (frame.color_range == AVCOL_RANGE_MPEG) return ColorRange::Limited;
  const bool jpeg = format == AV_PIX_FMT_YUVJ420P || format == AV_PIX_FMT_YUVJ422P ||
                    format == AV_PIX_FMT_YUVJ444P || format == AV_PIX_FMT_YUVJ440P ||
                    format == AV_PIX_FMT_YUVJ411P;
  // Gray without a range is full range, as in libswscale: it comes from still images.
  const bool gray = description != nullptr && description->nb_components < 3;
  return jpeg || gray ? ColorRange::Full : ColorRange::Limited;
}

ColorSpace read_space(const AVFrame& frame) noexcept {
  switch (frame.colorspace) {
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
    case AVCOL_SPC_FCC:
      return ColorSpace::Bt601;
    case AVCOL_SPC_BT709:
    case AVCOL_SPC_SMPTE240M:
      return ColorSpace::Bt709;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
      return ColorSpace::Bt2020;
    default:
      return ColorSpace::Unspecified;
  }
}

FrameSize FrameMaker::compute_size(const AVFrame& frame) const noexcept {
  return size_.value_or(turned({frame.width, frame.height}, find_turn(frame)));
}

FrameSize FrameMaker::compute_size(FrameSize stored) const noexcept {
  return size_.value_or(turned(stored, orientation_.total()));
}

bool is_interlaced(const AVFrame& frame) noexcept {
#ifdef AV_FRAME_FLAG_INTERLACED
  return (frame.flags & AV_FRAME_FLAG_INTERLACED) != 0;
#else
  return frame.interlaced_frame != 0;
#endif
}

Frame FrameMaker::make(AvFramePtr frame) {
  const Turn turn = find_turn(*frame);
  const auto size = size_ ? std::optional(turned(*size_, turn)) : std::nullopt;
  auto made = turned(store_frame(std::move(frame), size), turn);
  if (turn != orientation_.total())
    core::FrameAccess::mark_moved(made);  // the frame was rotated, but its packets were not
  return made;
}

Frame FrameMaker::store_frame(AvFramePtr frame, std::optional<FrameSize> size) {
  if (frame->format == AV_PIX_FMT_CUDA) {
    const auto format = describe_format(*frame, PixelFormat::Nv12);
    return Frame::wrap(CardMemory::make_picture(*frame, format, downloads_), pixel_ops());
  }
  const auto same = same_layout(static_cast<AVPixelFormat>(frame->format));
  const bool scaled = size && (size->width != frame->width || size->height != frame->height);
  if (scaled || !same) return convert(*frame, size);
  const auto format = describe_format(*frame, *same);
  if (has_negative_stride(*frame, format.plane_count()))
    return convert(*frame, size);  // conversion failures need no handling by callers
  const auto picture = view(*frame, format);
  AVFrame* const owned = frame.release();  // a raw pointer, because std::function must be copyable
  return Frame::wrap(picture, bytes_behind(picture), [owned] { FreeFrame{}(owned); }, pixel_ops());
}

Frame FrameMaker::convert(const AVFrame& frame, std::optional<FrameSize> size) {
  const auto from = without_range(static_cast<AVPixelFormat>(frame.format));
  auto format = describe_format(frame, nearest(from));
  if (size) {
    format.space = core::choose_matrix(format);  // the default depends on the height before scaling
    format.width = size->width;
    format.height = size->height;
  }
  const auto to = ffmpeg_format(format.format);
  constexpr int kFlags = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT;
  scaler_.reset(sws_getCachedContext(scaler_.release(), frame.width, frame.height, from, format.width,
                                     format.height, to, kFlags, nullptr, nullptr, nullptr));
  if (!scaler_) {
    throw Error(std::string("libswscale cannot convert a ") + av_get_pix_fmt_name(from) + " frame to " +
                av_get_pix_fmt_name(to));
  }
  const int full = format.range == ColorRange::Full ? 1 : 0;
  const int* matrix = sws_getCoefficients(frame.colorspace);
  constexpr int kUnchanged = 1 << 16;
  sws_setColorspaceDetails(scaler_.get(), matrix, full, matrix, full, 0, kUnchanged, kUnchanged);
  FrameBuilder builder(format);
  std::array<std::uint8_t*, 4> planes{};
  std::array<int, 4> strides{};
  for (int i = 0; i < format.plane_count(); ++i) {
    planes[static_cast<std::size_t>(i)] = builder.plane(i);
    strides[static_cast<std::size_t>(i)] = static_cast<int>(builder.stride(i));
  }
  sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, planes.data(), strides.data());
  return std::move(builder).publish(pixel_ops());
}

AVBufferRef* pooled_buffer(FramePool::Buffer memory, std::size_t bytes) {
  auto owned = std::make_unique<FramePool::Buffer>(std::move(memory));
  const auto give_back = [](void* buffer, std::uint8_t* /*memory*/) {
    delete static_cast<FramePool::Buffer*>(buffer);
  };
  AVBufferRef* const made = av_buffer_create(owned->get(), bytes, give_back, owned.get(), 0);
  if (made != nullptr) static_cast<void>(owned.release());  // now owned by the buffer
  return made;
}

}  // namespace freshframe::media

// Encodes JPEG: scales, converts to JPEG's colours and compresses.
// SPDX-License-Identifier: Apache-2.0
#include "media/colour/jpeg_encoder.hpp"

#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "media/colour/jfif_colours.hpp"
#include "media/colour/pixel_conversions.hpp"
#include <libyuv.h>
#include <turbojpeg.h>

namespace freshframe::media {
namespace {

constexpr int kMaxSide = 65500;  // libjpeg's limit

/// From this quality on, errors of the fast DCT would be more visible than quantisation.
constexpr int kExactQuality = 91;

bool is_planar(PixelFormat format) {
  return format == PixelFormat::Gray || format == PixelFormat::I420 || format == PixelFormat::I422 ||
         format == PixelFormat::I444;
}

// Returns the image in planar layout: itself, or converted into pooled memory.
Frame planar(const Frame& frame) {
  if (is_planar(frame.format())) return frame;
  auto to = frame.picture_format();
  to.format = PixelFormat::I420;
  if (is_packed_rgb(frame.format())) {
    to.range = ColorRange::Full;
    to.space = ColorSpace::Bt601;
  }
  FrameBuilder builder(to);
  if (!pixel_ops().convert(frame.picture(), builder.picture())) {
    throw Error("cannot encode a frame in the format '" + std::string(to_string(frame.format())) +
                "' as JPEG");
  }
  return std::move(builder).publish(pixel_ops());
}

constexpr int even(int size) {
  return size + size % 2;
}

// libyuv stores widths in signed 16 bits, and would scale only the start of a larger plane.
constexpr int kMostScaled = 32767;

// Returns a plane, stored in `memory`, whose pixels are the means of `factor` x `factor` pixels.
Plane reduced(const Plane& plane, int factor, std::vector<std::uint8_t>& memory) {
  const int width = std::max(1, plane.row_bytes / factor);
  const int height = std::max(1, plane.rows / factor);
  memory.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  const int across = std::min(factor, plane.row_bytes);
  const int down = std::min(factor, plane.rows);
  auto* to = memory.data();
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      int sum = 0;
      for (int row = 0; row < down; ++row) {
        const auto* const from = plane.row(y * factor + row) + static_cast<std::ptrdiff_t>(x) * factor;
        for (int i = 0; i < across; ++i) sum += from[i];
      }
      *to++ = static_cast<std::uint8_t>((sum + across * down / 2) / (across * down));
    }
  }
  return {memory.data(), height, width, width};
}

// Returns `side` * `to` / `from`, at least 1.
int scaled(int side, int to, int from) {
  return std::max(1, static_cast<int>(std::int64_t{side} * to / from));
}

// Fills the extra column and row of a plane whose odd size is rounded up to even in memory.
void repeat_edges(const Plane& plane, std::uint8_t* memory) {
  const auto stride = static_cast<std::size_t>(plane.stride);
  const auto width = static_cast<std::size_t>(plane.row_bytes);
  const auto rows = static_cast<std::size_t>(plane.rows);
  if (stride > width) {
    for (std::size_t y = 0; y < rows; ++y) memory[y * stride + width] = memory[y * stride + width - 1];
  }
  if (plane.rows % 2 != 0) std::memcpy(memory + rows * stride, memory + (rows - 1) * stride, stride);
}

}  // namespace

struct JpegEncoder::Handle {
  tjhandle codec = tjInitCompress();
  Handle() {
    if (codec == nullptr) throw Error("libjpeg-turbo returned no encoder");
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { tjDestroy(codec); }
};

JpegEncoder::JpegEncoder() : handle_(std::make_unique<Handle>()) {}
JpegEncoder::~JpegEncoder() = default;

// Returns the image in this encoder's planes, scaled and in JPEG's colours. libjpeg-turbo reads as many luma
// samples as the chroma covers, so for an odd size the last column or row is repeated.
Picture JpegEncoder::own_planes(const Picture& picture, const PictureFormat& wanted) {
  MutablePicture own(wanted);
  for (int i = 0; i < wanted.plane_count(); ++i) {
    auto& plane = own.planes[static_cast<std::size_t>(i)];
    plane = wanted.plane_shape(i);
    plane.stride = even(plane.row_bytes);
    auto& memory = planes_[static_cast<std::size_t>(i)];
    memory.resize(static_cast<std::size_t>(plane.stride) * static_cast<std::size_t>(even(plane.rows)));
    plane.data = memory.data();
    auto from = view_plane(picture, i);
    std::vector<std::uint8_t> smaller;
    const int longest = std::max(from.row_bytes, from.rows);
    if (longest > kMostScaled) from = reduced(from, (longest + kMostScaled - 1) / kMostScaled, smaller);
    libyuv::ScalePlane(from.data, static_cast<int>(from.stride), from.row_bytes, from.rows, memory.data(),
                       static_cast<int>(plane.stride), plane.row_bytes, plane.rows, libyuv::kFilterBox);
  }
  if (!has_jfif_colours(wanted)) to_jfif_colours(own, shift_);
  repeat_edges(own.planes[0], planes_[0].data());
  return own;
}

JpegPicture JpegEncoder::encode(const Frame& frame, int max_width, int quality) {
  const int width = std::min(frame.width(), max_width);
  return encode_as(frame, width, scaled(frame.height(), width, frame.width()), quality);
}

JpegPicture JpegEncoder::encode_within(const Frame& frame, int max_side, int quality) {
  const int longest = std::max(frame.width(), frame.height());
  const int side = std::min(longest, max_side);
  return encode_as(frame, scaled(frame.width(), side, longest), scaled(frame.height(), side, longest),
                   quality);
}

JpegPicture JpegEncoder::encode_as(const Frame& frame, int width, int height, int quality) {
  const Frame source = planar(frame);
  auto picture = source.picture();
  auto wanted = picture.format;
  const bool gray = wanted.format == PixelFormat::Gray;
  if (!gray) wanted.format = PixelFormat::I420;
  wanted.space = core::choose_matrix(picture.format);  // derived from the unscaled height
  wanted.width = width;
  wanted.height = height;
  if (wanted.width > kMaxSide || wanted.height > kMaxSide) {
    throw Error("an image of " + std::to_string(wanted.width) + "x" + std::to_string(wanted.height) +
                " is too large for JPEG, whose limit is " + std::to_string(kMaxSide) +
                ": pass max_side= to shrink it");
  }
  const bool odd = !gray && (wanted.width % 2 != 0 || wanted.height % 2 != 0);
  if (wanted != picture.format || odd || !has_jfif_colours(wanted)) picture = own_planes(picture, wanted);
  const int subsampling = gray ? TJSAMP_GRAY : TJSAMP_420;
  out_.resize(tjBufSize(wanted.width, wanted.height, subsampling));
  const unsigned char* planes[3] = {picture.planes[0].data, picture.planes[1].data, picture.planes[2].data};
  const int strides[3] = {static_cast<int>(picture.planes[0].stride),
                          static_cast<int>(picture.planes[1].stride),
                          static_cast<int>(picture.planes[2].stride)};
  unsigned char* target = out_.data();
  unsigned long size = out_.size();
  const int flags = TJFLAG_NOREALLOC | (quality < kExactQuality ? TJFLAG_FASTDCT : TJFLAG_ACCURATEDCT);
  if (tjCompressFromYUVPlanes(handle_->codec, planes, wanted.width, strides, wanted.height, subsampling,
                              &target, &size, quality, flags) != 0) {
    throw Error(std::string("JPEG encoding failed: ") + tjGetErrorStr2(handle_->codec));
  }
  return {std::string(reinterpret_cast<const char*>(target), size), wanted.width, wanted.height};
}

}  // namespace freshframe::media

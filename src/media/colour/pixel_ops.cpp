// Conversions between all pairs of pixel formats. Gray and YUV share the luma; libyuv resamples chroma.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/forks.hpp"
#include "freshframe/media.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "media/colour/pixel_conversions.hpp"
#include <libyuv.h>

namespace freshframe {
namespace {

using media::is_packed_rgb;
using media::rgb_to_yuv;
using media::view_plane;
using media::yuv_to_rgb;
using media::yuv_to_yuv;

/// Swaps red and blue. libyuv has one function for both directions.
bool swap_rgb(const Picture& from, const MutablePicture& to) {
  return libyuv::RAWToRGB24(view_plane(from, 0).data, static_cast<int>(view_plane(from, 0).stride), to.row(0),
                            static_cast<int>(view_plane(to, 0).stride), to.format.width,
                            to.format.height) == 0;
}

class MediaPixelOps final : public PixelOps {
 public:
  [[nodiscard]] bool convert(const Picture& from, const MutablePicture& to) const override {
    const auto& source = from.format;
    const auto& wanted = to.format;
    if (source.width != wanted.width || source.height != wanted.height) return false;
    if (is_packed_rgb(source.format)) {
      if (source.format == wanted.format) return basic_pixel_ops().convert(from, to);
      if (is_packed_rgb(wanted.format)) return swap_rgb(from, to);
      rgb_to_yuv(from, to);
      return true;
    }
    if (is_packed_rgb(wanted.format)) {
      yuv_to_rgb(from, to);
      return true;
    }
    if (source.range != wanted.range || core::choose_matrix(source) != core::choose_matrix(wanted))
      return false;
    if (source.format == wanted.format) return basic_pixel_ops().convert(from, to);
    yuv_to_yuv(from, to);
    return true;
  }
};

}  // namespace

const PixelOps& pixel_ops() noexcept {
  return forks::ProcessWide<MediaPixelOps>::get();
}

}  // namespace freshframe

namespace freshframe::media {
namespace {

constexpr std::uint8_t kNeutral = 128;

/// One chroma component as a separate plane.
struct Component {
  const std::uint8_t* data = nullptr;
  int stride = 0;
  int width = 0;
  int height = 0;
};

PictureFormat planar(const PictureFormat& format) {
  PictureFormat result = format;
  if (format.format == PixelFormat::Nv12) result.format = PixelFormat::I420;
  return result;
}

Component empty_like(const PictureFormat& format) {
  const auto shape = planar(format).plane_shape(1);
  return {nullptr, shape.row_bytes, shape.row_bytes, shape.rows};
}

/// Memory for two chroma components of the same size.
class Pair {
 public:
  explicit Pair(const Component& like)
      : like_(like),
        bytes_(2 * static_cast<std::size_t>(like.width) * static_cast<std::size_t>(like.height)) {}

  [[nodiscard]] std::uint8_t* data(int index) { return bytes_.data() + (index == 0 ? 0 : bytes_.size() / 2); }
  [[nodiscard]] std::array<Component, 2> components() {
    auto first = like_;
    auto second = like_;
    first.data = data(0);
    second.data = data(1);
    return {first, second};
  }

 private:
  Component like_;
  std::vector<std::uint8_t> bytes_;
};

std::array<Component, 2> split(const Picture& from, std::optional<Pair>& scratch) {
  const auto shape = empty_like(from.format);
  if (from.format.format == PixelFormat::Nv12) {
    auto& memory = scratch.emplace(shape);
    const auto& uv = view_plane(from, 1);
    libyuv::SplitUVPlane(uv.data, static_cast<int>(uv.stride), memory.data(0), shape.stride, memory.data(1),
                         shape.stride, shape.width, shape.height);
    return memory.components();
  }
  std::array<Component, 2> result{shape, shape};
  for (int i = 0; i < 2; ++i) {
    auto& component = result[static_cast<std::size_t>(i)];
    component.data = view_plane(from, i + 1).data;
    component.stride = static_cast<int>(view_plane(from, i + 1).stride);
  }
  return result;
}

void resample(const Component& from, std::uint8_t* out, int out_stride, const Component& size) {
  const bool smaller = size.width < from.width || size.height < from.height;
  libyuv::ScalePlane(from.data, from.stride, from.width, from.height, out, out_stride, size.width,
                     size.height, smaller ? libyuv::kFilterBox : libyuv::kFilterBilinear);
}

void fill_neutral(const MutablePicture& to) {
  for (int i = 1; i < to.format.plane_count(); ++i) {
    const auto& plane = view_plane(to, i);
    libyuv::SetPlane(to.row(i), static_cast<int>(plane.stride), plane.row_bytes, plane.rows, kNeutral);
  }
}

void merge(const std::array<Component, 2>& from, const MutablePicture& to) {
  const auto size = empty_like(to.format);
  auto [u, v] = from;
  std::optional<Pair> scratch;
  if (u.width != size.width || u.height != size.height) {
    auto& memory = scratch.emplace(size);
    resample(u, memory.data(0), size.stride, size);
    resample(v, memory.data(1), size.stride, size);
    const auto scaled = memory.components();
    u = scaled[0];
    v = scaled[1];
  }
  libyuv::MergeUVPlane(u.data, u.stride, v.data, v.stride, to.row(1),
                       static_cast<int>(view_plane(to, 1).stride), size.width, size.height);
}

}  // namespace

void yuv_to_yuv(const Picture& from, const MutablePicture& to) {
  const auto& luma = view_plane(from, 0);
  libyuv::CopyPlane(luma.data, static_cast<int>(luma.stride), to.row(0),
                    static_cast<int>(view_plane(to, 0).stride), to.format.width, to.format.height);
  if (to.format.format == PixelFormat::Gray) return;
  if (from.format.format == PixelFormat::Gray) return fill_neutral(to);
  std::optional<Pair> scratch;
  const auto chroma = split(from, scratch);
  if (to.format.format == PixelFormat::Nv12) return merge(chroma, to);
  const auto size = empty_like(to.format);
  for (int i = 0; i < 2; ++i) {
    resample(chroma[static_cast<std::size_t>(i)], to.row(i + 1),
             static_cast<int>(view_plane(to, i + 1).stride), size);
  }
}

}  // namespace freshframe::media

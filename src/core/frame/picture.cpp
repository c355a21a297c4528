// Plane sizes, names of formats, and the conversion that core does itself: luma only.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/forks.hpp"
#include "freshframe/frame.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>

namespace freshframe {
namespace {

constexpr std::array<std::string_view, kPixelFormats> kFormatNames = {"gray", "nv12", "i420", "i422",
                                                                      "i444", "bgr",  "rgb"};

constexpr int half(int size) {
  return (size + 1) / 2;
}

void copy_plane(const Picture& from, const MutablePicture& to, int index) {
  const auto& source = from.planes[static_cast<std::size_t>(index)];
  const auto& target = to.planes[static_cast<std::size_t>(index)];
  for (int y = 0; y < target.rows; ++y) {
    std::memcpy(to.row(index, y), source.row(y), static_cast<std::size_t>(target.row_bytes));
  }
}

class BasicPixelOps final : public PixelOps {
 public:
  [[nodiscard]] bool convert(const Picture& from, const MutablePicture& to) const override {
    const auto source = from.format.format;
    const auto wanted = to.format.format;
    const bool has_luma = source != PixelFormat::Bgr && source != PixelFormat::Rgb;
    if (source != wanted && !(wanted == PixelFormat::Gray && has_luma)) return false;
    for (int i = 0; i < to.format.plane_count(); ++i) copy_plane(from, to, i);
    return true;
  }
};

}  // namespace

std::string_view to_string(PixelFormat format) noexcept {
  return kFormatNames[static_cast<std::size_t>(format)];
}

std::optional<PixelFormat> pixel_format(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kFormatNames.size(); ++i) {
    if (kFormatNames[i] == name) return static_cast<PixelFormat>(i);
  }
  return std::nullopt;
}

std::string_view to_string(ColorRange range) noexcept {
  return range == ColorRange::Full ? "full" : "limited";
}

std::string_view to_string(ColorSpace space) noexcept {
  switch (space) {
    case ColorSpace::Unspecified:
      return "unspecified";
    case ColorSpace::Bt601:
      return "bt601";
    case ColorSpace::Bt709:
      return "bt709";
    case ColorSpace::Bt2020:
      return "bt2020";
  }
  return "?";
}

int PictureFormat::plane_count() const noexcept {
  switch (format) {
    case PixelFormat::Gray:
    case PixelFormat::Bgr:
    case PixelFormat::Rgb:
      return 1;
    case PixelFormat::Nv12:
      return 2;
    case PixelFormat::I420:
    case PixelFormat::I422:
    case PixelFormat::I444:
      return 3;
  }
  return 0;
}

Plane PictureFormat::plane_shape(int index) const noexcept {
  if (index == 0) {
    const bool packed = format == PixelFormat::Bgr || format == PixelFormat::Rgb;
    return {nullptr, height, packed ? width * 3 : width, 0};
  }
  switch (format) {
    case PixelFormat::Nv12:
      return {nullptr, half(height), 2 * half(width), 0};
    case PixelFormat::I420:
      return {nullptr, half(height), half(width), 0};
    case PixelFormat::I422:
      return {nullptr, height, half(width), 0};
    default:
      return {nullptr, height, width, 0};
  }
}

const PixelOps& basic_pixel_ops() noexcept {
  return forks::ProcessWide<BasicPixelOps>::get();
}

}  // namespace freshframe

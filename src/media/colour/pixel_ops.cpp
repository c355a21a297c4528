// The PixelOps of media: every pair of formats.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/forks.hpp"
#include "freshframe/media.hpp"

#include <cstddef>
#include <cstdint>

#include "media/colour/pixel_conversions.hpp"
#include <libyuv.h>

namespace freshframe {
namespace {

using media::is_packed_rgb;
using media::plane_of;
using media::rgb_to_yuv;
using media::yuv_to_rgb;
using media::yuv_to_yuv;

/// Red and blue change places: libyuv's name for both directions.
bool swap_rgb(const Picture& from, const MutablePicture& to) {
  return libyuv::RAWToRGB24(plane_of(from, 0).data, static_cast<int>(plane_of(from, 0).stride), to.row(0),
                            static_cast<int>(plane_of(to, 0).stride), to.format.width, to.format.height) == 0;
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
    if (source.range != wanted.range || core::matrix_of(source) != core::matrix_of(wanted)) return false;
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

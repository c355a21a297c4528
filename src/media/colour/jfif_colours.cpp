// Converts YUV to JPEG's colours with one linear map in integers: YUV of one matrix is a linear function of
// YUV of another.
// SPDX-License-Identifier: Apache-2.0
#include "media/colour/jfif_colours.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "media/colour/pixel_conversions.hpp"

namespace freshframe::media {
namespace {

constexpr int kShift = 12;
constexpr int kHalf = 1 << (kShift - 1);
constexpr int kMiddle = 128;  // the neutral chroma value

int fixed(double value) {
  return static_cast<int>(std::lround(value * (1 << kShift)));
}

std::uint8_t clamp(int value) {
  return static_cast<std::uint8_t>(std::clamp(value >> kShift, 0, 255));
}

// Y = y * (Y - black) + (y_cb, y_cr) * chroma; likewise Cb and Cr, around the neutral value.
struct Map {
  int black;
  int y;
  int y_cb;
  int y_cr;
  int cb_cb;
  int cb_cr;
  int cr_cb;
  int cr_cr;
};

Map map_from(const PictureFormat& format) {
  const auto levels = core::get_levels(format.range);
  const double y_scale = 255 / levels.luma;
  const double c_scale = 255 / levels.chroma;
  const auto [kr, kg, kb] = core::luma_weights(core::choose_matrix(format));
  const auto [jr, jg, jb] = core::luma_weights(ColorSpace::Bt601);
  // With r = y + 2(1-kr)cr, b = y + 2(1-kb)cb and g from y = kr*r + kg*g + kb*b.
  const double y_cb = jb * 2 * (1 - kb) - jg * 2 * kb * (1 - kb) / kg;
  const double y_cr = jr * 2 * (1 - kr) - jg * 2 * kr * (1 - kr) / kg;
  const double blue = 2 * (1 - jb);
  const double red = 2 * (1 - jr);
  return {.black = static_cast<int>(levels.black),
          .y = fixed(y_scale),
          .y_cb = fixed(y_cb * c_scale),
          .y_cr = fixed(y_cr * c_scale),
          .cb_cb = fixed((2 * (1 - kb) - y_cb) / blue * c_scale),
          .cb_cr = fixed(-y_cr / blue * c_scale),
          .cr_cb = fixed(-y_cb / red * c_scale),
          .cr_cr = fixed((2 * (1 - kr) - y_cr) / red * c_scale)};
}

void map_chroma_row(std::uint8_t* u, std::uint8_t* v, int width, const Map& map) {
  constexpr int kRound = (kMiddle << kShift) + kHalf;
  for (int x = 0; x < width; ++x) {
    const int cb = u[x] - kMiddle;
    const int cr = v[x] - kMiddle;
    u[x] = clamp(map.cb_cb * cb + map.cb_cr * cr + kRound);
    v[x] = clamp(map.cr_cb * cb + map.cr_cr * cr + kRound);
  }
}

void map_luma_row(std::uint8_t* y, int width, const Map& map, const int* shift) {
  for (int x = 0; x < width; ++x) y[x] = clamp(map.y * (y[x] - map.black) + shift[x]);
}

}  // namespace

bool has_jfif_colours(const PictureFormat& format) noexcept {
  if (format.range != ColorRange::Full) return false;
  return format.format == PixelFormat::Gray || core::choose_matrix(format) == ColorSpace::Bt601;
}

void to_jfif_colours(const MutablePicture& picture, std::vector<int>& scratch) {
  const auto& format = picture.format;
  const Map map = map_from(format);
  const bool gray = format.format == PixelFormat::Gray;
  scratch.assign(static_cast<std::size_t>(format.width) + 1, kHalf);
  for (int y = 0; y < format.height; y += 2) {
    if (!gray) {
      auto* const u = picture.row(1, y / 2);
      auto* const v = picture.row(2, y / 2);
      const int width = view_plane(picture, 1).row_bytes;
      for (int x = 0; x < width; ++x) {
        const int shift = map.y_cb * (u[x] - kMiddle) + map.y_cr * (v[x] - kMiddle) + kHalf;
        const auto at = 2 * static_cast<std::size_t>(x);
        scratch[at] = shift;
        scratch[at + 1] = shift;
      }
      map_chroma_row(u, v, width, map);
    }
    const int rows = std::min(2, format.height - y);
    for (int row = 0; row < rows; ++row) {
      map_luma_row(picture.row(0, y + row), format.width, map, scratch.data());
    }
  }
}

}  // namespace freshframe::media

// The color matrices of ITU-R BT.601, 709 and 2020: which one applies to an image, and its weights.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

namespace freshframe::core {

/// Returns the matrix that applies: if unspecified, BT.601 below 720 rows, otherwise BT.709.
[[nodiscard]] constexpr ColorSpace choose_matrix(const PictureFormat& format) noexcept {
  if (format.space != ColorSpace::Unspecified) return format.space;
  return format.height < 720 ? ColorSpace::Bt601 : ColorSpace::Bt709;
}

/// Weights of the primaries in luma; they add up to 1.
struct LumaWeights {
  double red = 0;
  double green = 0;
  double blue = 0;
};

[[nodiscard]] constexpr LumaWeights luma_weights(ColorSpace matrix) noexcept {
  if (matrix == ColorSpace::Bt709) return {0.2126, 0.7152, 0.0722};
  if (matrix == ColorSpace::Bt2020) return {0.2627, 0.6780, 0.0593};
  return {0.299, 0.587, 0.114};
}

/// The 8-bit ranges of luma and chroma. Zero chroma is 128.
struct Levels {
  double black = 0;
  double luma = 0;    // distance between black and white
  double chroma = 0;  // distance between the extremes of chroma
};

[[nodiscard]] constexpr Levels get_levels(ColorRange range) noexcept {
  return range == ColorRange::Full ? Levels{0, 255, 255} : Levels{16, 219, 224};
}

}  // namespace freshframe::core

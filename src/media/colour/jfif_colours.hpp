// Converts YUV from the range and matrix of video to those of JPEG.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <vector>

namespace freshframe::media {

/// Returns true if `format` already has JPEG's colours: full range and, unless gray, BT.601.
[[nodiscard]] bool has_jfif_colours(const PictureFormat& format) noexcept;

/// Converts the planes of a gray or I420 `picture` in place from its own range and matrix to full range and
/// BT.601 (ITU-T T.871). `scratch` is reused memory.
void to_jfif_colours(const MutablePicture& picture, std::vector<int>& scratch);

}  // namespace freshframe::media

// From the range and matrix of video to the range and matrix of JPEG, within YUV.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <vector>

namespace freshframe::media {

/// Whether `format` has JPEG's colours already: full range and, unless gray, BT.601.
[[nodiscard]] bool has_jfif_colours(const PictureFormat& format) noexcept;

/// Rewrites the planes of a gray or I420 `picture` from its own range and matrix to full
/// range and BT.601 (ITU-T T.871). `scratch` is memory to use again.
void to_jfif_colours(const MutablePicture& picture, std::vector<int>& scratch);

}  // namespace freshframe::media

// Parses masks in run-length encoding.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace freshframe::vision {

/// The bounding rectangle of an object's mask.
struct ObjectMask {
  int left = 0;
  int top = 0;
  int width = 0;  // 0 for an empty mask
  int height = 0;
  std::vector<std::uint8_t> bytes;  // 255 inside the object, otherwise 0

  [[nodiscard]] bool covers(int x, int y) const noexcept {
    if (x < left || y < top || x >= left + width || y >= top + height) return false;
    return bytes[static_cast<std::size_t>(y - top) * static_cast<std::size_t>(width) +
                 static_cast<std::size_t>(x - left)] != 0;
  }
};

/// Parses the mask of an object for an image of this size: "HEIGHTxWIDTH:COUNTS", whose counts are COCO's
/// compressed run lengths (T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", 2014; the format of
/// its API's maskApi.h): runs down each column, alternately outside and inside. An empty string is an empty
/// mask. Throws Error.
[[nodiscard]] ObjectMask parse_mask(std::string_view text, int width, int height);

}  // namespace freshframe::vision

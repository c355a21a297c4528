// Scales a grey image to half its size.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstdint>
#include <vector>

namespace freshframe::vision {

/// Returns the rounded mean of each 2 x 2 pixels. An odd last row or column is omitted. The result is stored
/// in `memory`.
[[nodiscard]] Plane half_size(const Plane& luma, std::vector<std::uint8_t>& memory);

}  // namespace freshframe::vision

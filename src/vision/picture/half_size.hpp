// A grey picture at half its size.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstdint>
#include <vector>

namespace freshframe::vision {

/// The mean of each 2 x 2 pixels, rounded; an odd last row or column is left out. The result lives in
/// `memory`.
[[nodiscard]] Plane half_size(const Plane& luma, std::vector<std::uint8_t>& memory);

}  // namespace freshframe::vision

// The vectorised part of the change detection: the mean brightness of each cell of an image.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstdint>

namespace freshframe::vision {

/// Means are in steps of 1 / kMeanScale grey levels.
inline constexpr int kMeanScale = 16;

/// Writes the mean of each cell of CellMask::kCell x kCell pixels, row by row. `means` has one value per cell
/// of CellMask. The cells of the last column and row may be smaller. The results are the same on every
/// machine.
void measure_cell_means(const Plane& luma, std::uint16_t* means);

}  // namespace freshframe::vision

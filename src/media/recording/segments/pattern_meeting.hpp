// Whether two patterns of file names have a name in common.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "media/recording/segments/segment_pattern.hpp"

namespace freshframe::media {

/// Whether some text fits both. Numbers and fields of the time are any digits.
[[nodiscard]] bool patterns_meet(const std::vector<PatternPiece>& one,
                                 const std::vector<PatternPiece>& other);

}  // namespace freshframe::media

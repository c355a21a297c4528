// How far the times of a live stream step from one picture to the next, unless its clock begins again.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace freshframe::media {

inline constexpr double kMostBack = 1.0;   // seconds: more than any reordering of pictures
inline constexpr double kMostAhead = 5.0;  // seconds ahead of the arrivals: no buffer holds so much

}  // namespace freshframe::media

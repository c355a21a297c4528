// How many pictures a decoder may hold back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace freshframe::media {

/// To give them in the order of their times; no codec has more. It is the largest decoded picture buffer of
/// H.264 (Rec. ITU-T H.264, A.3.1) and HEVC (H.265, A.4.2).
inline constexpr int kMostReordered = 16;

}  // namespace freshframe::media

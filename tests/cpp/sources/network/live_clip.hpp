// The clip that a live source of the tests sends.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cpp/media/files.hpp"

namespace freshframe::test {

inline constexpr int kLiveFrames = 30;

/// Returns the clip in MPEG-TS. Encoded at the first call.
inline const Bytes& clip() {
  static const Bytes bytes = [] {
    const Folder folder;
    return read_bytes(write_video(folder.file("clip.ts"), kLiveFrames));
  }();
  return bytes;
}

}  // namespace freshframe::test

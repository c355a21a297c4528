// Decodes the first image of a file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "media/ffmpeg/read/upright.hpp"
#include "sources/file/demuxer.hpp"

namespace freshframe::media {

struct DecodedPicture {
  AvFramePtr frame;  // never null
  std::string codec;
  std::string container;
  bool still = false;  // the file is an image, not a video
  Turn turn;           // from the container
};

/// Treats an incomplete image as an error. Removes the entries that it uses from `options`. Throws
/// SourceError or SourceTimeoutError.
[[nodiscard]] DecodedPicture decode_picture(const DemuxerSettings& settings, int threads,
                                            Dictionary& options);

}  // namespace freshframe::media

// Decodes the first picture of a file.
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
  bool still = false;  // the file is a picture, not a video
  Turn turn;           // turn of the container
};

/// An incomplete picture is an error. Removes the entries that it knows from `options`. Throws SourceError,
/// SourceTimeoutError.
[[nodiscard]] DecodedPicture decode_picture(const DemuxerSettings& settings, int threads,
                                            Dictionary& options);

}  // namespace freshframe::media

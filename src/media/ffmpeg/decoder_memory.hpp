// Where a decoder's frames lie.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Before the codec is opened: while FramePool::shared() has memory to use, frames that keep the decoder's memory
/// are decoded into it, so that nobody need copy them there. All others lie in FFmpeg's own memory.
void decode_into_pool(AVCodecContext& codec) noexcept;

}  // namespace freshframe::media

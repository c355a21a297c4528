// The memory of a decoder's frames.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Before the codec is opened: while FramePool::shared() has memory to use, frames that keep the decoder's
/// memory are decoded into it, so that no copy is needed. All others are in FFmpeg's own memory.
void decode_into_pool(AVCodecContext& codec) noexcept;

}  // namespace freshframe::media

// Names of FFmpeg's types, for headers that are also included where FFmpeg's own headers are not found: the
// layers serve and bindings are compiled without their path.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

struct AVFrame;
struct AVOutputFormat;
struct AVStream;

namespace freshframe::media {

struct FreeFrame;
using AvFramePtr = std::unique_ptr<AVFrame, FreeFrame>;

}  // namespace freshframe::media

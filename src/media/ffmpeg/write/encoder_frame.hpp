// Frames in the form for FFmpeg's encoders.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Returns the same pixels as FFmpeg's frame, without a copy: it holds a handle of `frame`.
[[nodiscard]] AvFramePtr to_av_frame(const Frame& frame);

/// The picture as planar 4:2:0 video. RGB, whose values are always 0..255, becomes limited range, which every
/// player understands; YUV and gray keep their range and matrix. A conversion names its matrix.
[[nodiscard]] Frame as_video(const Frame& frame);
/// The format of as_video() for such a picture.
[[nodiscard]] PictureFormat video_format(const PictureFormat& format);
/// The picture as Motion JPEG stores it: I420, full range, BT.601.
[[nodiscard]] Frame as_jpeg(const Frame& frame);

}  // namespace freshframe::media

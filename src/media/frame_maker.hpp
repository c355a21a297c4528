// Makes Frames of FFmpeg's frames: wrapped without a copy where the layout is ours, else converted.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/media.hpp"

#include <optional>

#include "media/ffmpeg_ptr.hpp"

namespace freshframe {

struct FrameSize {
  int width = 0;
  int height = 0;
};

/// The size that the user wants every frame to have.
[[nodiscard]] std::optional<FrameSize> wanted_size(const OpenOptions& options);

/// The range that the samples have: FFmpeg leaves it open in most streams.
[[nodiscard]] ColorRange range_of(const AVFrame& frame) noexcept;
[[nodiscard]] ColorSpace space_of(const AVFrame& frame) noexcept;

/// One thread. `size`: every frame is scaled to it.
class FrameMaker {
 public:
  explicit FrameMaker(std::optional<FrameSize> size = std::nullopt) : size_(size) {}

  /// Planar 8-bit YUV, NV12, gray and packed RGB keep the decoder's own memory; 10 bit, palettes, alpha and
  /// the rest become the 8-bit format with the same chroma. Throws Error.
  [[nodiscard]] Frame make(AvFramePtr frame);

 private:
  [[nodiscard]] Frame convert(const AVFrame& frame);

  std::optional<FrameSize> size_;
  ScalerPtr scaler_;
};

}  // namespace freshframe

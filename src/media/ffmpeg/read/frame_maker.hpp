// Makes Frames of FFmpeg's frames: wrapped without a copy where the layout is one of Frame's, else converted.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/media.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/upright.hpp"

namespace freshframe::media {

struct FrameSize {
  int width = 0;
  int height = 0;
};

/// The user's size for all frames.
[[nodiscard]] std::optional<FrameSize> wanted_size(const OpenOptions& options);

/// The format whose memory layout `format` has: such a frame keeps the decoder's memory. An alpha plane is
/// left out.
[[nodiscard]] std::optional<PixelFormat> same_layout(AVPixelFormat format) noexcept;

/// The format that the samples have, on a card, too.
[[nodiscard]] AVPixelFormat get_stored_format(const AVFrame& frame) noexcept;

/// The range that the samples have: FFmpeg leaves it open in most streams.
[[nodiscard]] ColorRange read_range(const AVFrame& frame) noexcept;
[[nodiscard]] ColorSpace read_space(const AVFrame& frame) noexcept;

/// Two interlaced fields of different times.
[[nodiscard]] bool is_interlaced(const AVFrame& frame) noexcept;

/// Hands pooled memory over to a frame of FFmpeg, which gives it back to the pool. Null means FFmpeg has no memory for it.
[[nodiscard]] AVBufferRef* pooled_buffer(FramePool::Buffer memory, std::size_t bytes);

/// Detects changes of the size of a stream's frames. One thread.
class SizeWatch {
 public:
  /// The previous frame's size, if this one's differs.
  [[nodiscard]] std::optional<FrameSize> changes_with(FrameSize size) noexcept {
    const FrameSize before = std::exchange(last_, size);
    const bool changed = before.width != 0 && (before.width != size.width || before.height != size.height);
    return changed ? std::optional(before) : std::nullopt;
  }

 private:
  FrameSize last_;
};

/// One thread. `size`: every frame, upright, is scaled to it.
class FrameMaker {
 public:
  explicit FrameMaker(std::optional<FrameSize> size = std::nullopt) : size_(size) {}

  /// Planar 8-bit YUV, NV12, gray and packed RGB keep the decoder's own memory, and a picture that stays on a card its
  /// memory there. 10 bit, palettes, alpha and the rest become the 8-bit format with the same chroma. Rotated pictures are
  /// copied upright. Throws Error.
  [[nodiscard]] Frame make(AvFramePtr frame);
  /// The size of the frame that make() would return.
  [[nodiscard]] FrameSize compute_size(const AVFrame& frame) const noexcept;
  /// The container's orientation, for frames without an orientation.
  void set_turn(Turn turn) noexcept { turn_ = turn; }
  /// Counts the copies to the host of frames that stay on a card.
  void count_downloads(std::shared_ptr<std::atomic<std::uint64_t>> counter) noexcept {
    downloads_ = std::move(counter);
  }

 private:
  [[nodiscard]] Frame store_frame(AvFramePtr frame, std::optional<FrameSize> size);
  [[nodiscard]] Frame convert(const AVFrame& frame, std::optional<FrameSize> size);

  std::optional<FrameSize> size_;
  Turn turn_;
  ScalerPtr scaler_;
  std::shared_ptr<std::atomic<std::uint64_t>> downloads_;
};

}  // namespace freshframe::media

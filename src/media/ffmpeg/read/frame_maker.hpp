// Makes Frames from AVFrames: without a copy if Frame supports the layout, otherwise by conversion.
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
#include "media/ffmpeg/read/frame_size.hpp"
#include "media/ffmpeg/read/upright.hpp"

namespace freshframe::media {

/// The frame size that the user requested.
[[nodiscard]] std::optional<FrameSize> wanted_size(const OpenOptions& options);
/// The user's rotation, in clockwise quarter turns.
[[nodiscard]] int wanted_quarters(const OpenOptions& options) noexcept;
/// Returns the size that a frame of `size` has after the rotation.
[[nodiscard]] FrameSize turned(FrameSize size, Turn turn) noexcept;

/// Returns the format with the same memory layout, for frames that keep the decoder's memory. Ignores an
/// alpha plane.
[[nodiscard]] std::optional<PixelFormat> same_layout(AVPixelFormat format) noexcept;

/// Returns the format of the samples, also for frames on a GPU.
[[nodiscard]] AVPixelFormat get_stored_format(const AVFrame& frame) noexcept;

/// Returns the range of the samples, which FFmpeg leaves unspecified in most streams.
[[nodiscard]] ColorRange read_range(const AVFrame& frame) noexcept;
[[nodiscard]] ColorSpace read_space(const AVFrame& frame) noexcept;

/// Returns true if the frame consists of two fields of different times.
[[nodiscard]] bool is_interlaced(const AVFrame& frame) noexcept;

/// Transfers pooled memory to an AVFrame buffer, which returns it to the pool. Returns null if FFmpeg is out
/// of memory.
[[nodiscard]] AVBufferRef* pooled_buffer(FramePool::Buffer memory, std::size_t bytes);

/// Not thread-safe. `size`: every frame is scaled to it, after rotation. `quarters`: clockwise quarter turns
/// added to the rotation of every frame.
class FrameMaker {
 public:
  explicit FrameMaker(std::optional<FrameSize> size = std::nullopt, int quarters = 0) : size_(size) {
    orientation_.added = quarters;
  }

  /// Planar 8-bit YUV, NV12, gray and packed RGB keep the decoder's memory, and frames that stay on a GPU
  /// their GPU memory. Other formats (10 bit, palettes, alpha ...) are converted to the 8-bit format with the
  /// same chroma. Rotated frames are copied upright. Throws Error.
  [[nodiscard]] Frame make(AvFramePtr frame);
  /// The size of the frame that make() would return.
  [[nodiscard]] FrameSize compute_size(const AVFrame& frame) const noexcept;
  /// The size of a frame that is stored in this size and has no rotation of its own.
  [[nodiscard]] FrameSize compute_size(FrameSize stored) const noexcept;
  /// Sets the container's rotation, for frames that have none of their own.
  void set_turn(Turn turn) noexcept { orientation_.stored = turn; }
  /// The rotation of frames that have none of their own.
  [[nodiscard]] const Orientation& orientation() const noexcept { return orientation_; }
  /// The rotation that make() would apply.
  [[nodiscard]] Turn find_turn(const AVFrame& frame) const noexcept {
    return read_turn(frame, orientation_.stored).then(orientation_.added);
  }
  /// Counts copies to the host of frames that stay on a GPU.
  void count_downloads(std::shared_ptr<std::atomic<std::uint64_t>> counter) noexcept {
    downloads_ = std::move(counter);
  }

 private:
  [[nodiscard]] Frame store_frame(AvFramePtr frame, std::optional<FrameSize> size);
  [[nodiscard]] Frame convert(const AVFrame& frame, std::optional<FrameSize> size);

  std::optional<FrameSize> size_;
  Orientation orientation_;
  ScalerPtr scaler_;
  std::shared_ptr<std::atomic<std::uint64_t>> downloads_;
};

}  // namespace freshframe::media

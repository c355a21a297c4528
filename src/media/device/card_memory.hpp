// Frames that stay on the GPU, in pooled GPU memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/device.hpp"
#include "freshframe/forks.hpp"
#include "freshframe/frame.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "media/device/card.hpp"

extern "C" {
#include <libavutil/frame.h>
}

namespace freshframe::media {

/// Note [Off the decoder's surface]
/// A decoder has few surfaces, so a frame that stays on the GPU is copied immediately into pooled GPU memory.
/// All decoders of a GPU, and these copies, use one stream, so that a surface is only overwritten after its
/// copy, and no thread has to wait. An event after the copy tells when the frame is complete; readers wait
/// for it. Readers on other streams record events before they return the memory, and the next copy into it
/// waits for these.
///
/// NV12 without cropping: the luma rows, followed by the chroma rows.
class CardMemory final : public DeviceMemory {
 public:
  struct Layout {
    int width = 0;
    int height = 0;
    std::size_t pitch = 0;
    std::size_t rows = 0;  // luma rows, an even number

    [[nodiscard]] std::size_t bytes() const noexcept { return pitch * (rows + rows / 2); }
  };

  /// Copies a frame from its decoder's surface to an empty frame, which then owns the memory. Returns
  /// FFmpeg's error code, AVERROR(ENOMEM) if the GPU has no memory for it.
  [[nodiscard]] static int copy_picture(const std::shared_ptr<Card>& card, const AVFrame& from, AVFrame& to);
  /// Wraps a frame filled by copy_picture(), in this format. `downloads` counts its copies to the host.
  [[nodiscard]] static std::shared_ptr<const DevicePicture> make_picture(
      const AVFrame& frame, const PictureFormat& format,
      std::shared_ptr<std::atomic<std::uint64_t>> downloads);

  CardMemory(std::shared_ptr<Card> card, CardBlock block, const Layout& layout)
      : card_(std::move(card)), block_(std::move(block)), layout_(layout) {}
  CardMemory(const CardMemory&) = delete;
  CardMemory& operator=(const CardMemory&) = delete;
  ~CardMemory() override { card_->give(std::move(block_)); }

  void fetch(const MutablePicture& to) const override;
  void wait() const override;
  void wait_on(std::uintptr_t stream) const override;
  void note_reader(std::uintptr_t stream) const noexcept override;
  [[nodiscard]] std::shared_ptr<const DevicePicture> copied() const override;

 private:
  [[nodiscard]] static std::shared_ptr<DevicePicture> show(const std::shared_ptr<CardMemory>& memory,
                                                           const PictureFormat& format);
  [[nodiscard]] int fill(const AVFrame& from);
  /// Throws if `error`, the driver's code, is not 0.
  void check(int error, const char* doing) const;
  void check_process() const;

  const std::shared_ptr<Card> card_;
  CardBlock block_;
  const Layout layout_;
  PictureFormat format_;  // like the next member, set before the frame is shared
  std::shared_ptr<std::atomic<std::uint64_t>> downloads_;
  const forks::Birthplace birthplace_;
};

}  // namespace freshframe::media

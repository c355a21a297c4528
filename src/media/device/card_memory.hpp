// Pictures that stay on a card, in memory of the card's pool.
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
/// A decoder has few surfaces, so a picture that stays is copied at once, on the card, into memory of a pool. All of a card's
/// decoders, and these copies, use one stream of it: the surface is written again after the copy, and no thread waits for it.
/// An event after the copy says when the picture is whole, and readers wait for that. Other streams note their reading,
/// before they give the memory back, by events that the next copy into it waits for.
///
/// NV12 without a crop: the rows of the luma, then the rows of the chroma.
class CardMemory final : public DeviceMemory {
 public:
  struct Layout {
    int width = 0;
    int height = 0;
    std::size_t pitch = 0;
    std::size_t rows = 0;  // of the luma, an even number

    [[nodiscard]] std::size_t bytes() const noexcept { return pitch * (rows + rows / 2); }
  };

  /// Copies a picture from its decoder's surface to an empty frame, which owns the memory. Returns FFmpeg's error,
  /// AVERROR(ENOMEM) if the card has no memory for it.
  [[nodiscard]] static int copy_picture(const std::shared_ptr<Card>& card, const AVFrame& from, AVFrame& to);
  /// The picture of a frame that copy_picture() has filled, of this format. `downloads` counts its copies to the host.
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
  /// Throws for `error`, the driver's.
  void check(int error, const char* doing) const;
  void check_process() const;

  const std::shared_ptr<Card> card_;
  CardBlock block_;
  const Layout layout_;
  PictureFormat format_;  // as the next: set before others get the picture
  std::shared_ptr<std::atomic<std::uint64_t>> downloads_;
  const forks::Birthplace birthplace_;
};

}  // namespace freshframe::media

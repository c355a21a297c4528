// Frames that stay on the GPU, in pooled GPU memory.
// SPDX-License-Identifier: Apache-2.0
#include "media/device/card_memory.hpp"

#include "freshframe/error.hpp"

#include <cerrno>
#include <string>
#include <utility>

#include "media/device/cuda_driver.hpp"

extern "C" {
#include <libavutil/buffer.h>
#include <libavutil/error.h>
}

namespace freshframe::media {
namespace {

constexpr std::size_t kPitch = 256;  // in bytes; copies on the GPU are fastest with aligned rows

CardMemory::Layout compute_layout(const AVFrame& frame) {
  CardMemory::Layout layout{.width = frame.width - static_cast<int>(frame.crop_left),
                            .height = frame.height - static_cast<int>(frame.crop_top)};
  layout.pitch = (static_cast<std::size_t>(layout.width) + kPitch - 1) / kPitch * kPitch;
  layout.rows = (static_cast<std::size_t>(layout.height) + 1) / 2 * 2;
  return layout;
}

using Shared = std::shared_ptr<CardMemory>;

/// Transfers ownership of the memory to an AVFrame buffer. Returns null if FFmpeg is out of memory.
AVBufferRef* make_buffer(Shared memory, std::uint64_t address, std::size_t bytes) {
  auto owned = std::make_unique<Shared>(std::move(memory));
  const auto give_back = [](void* shared, std::uint8_t* /*data*/) { delete static_cast<Shared*>(shared); };
  auto* const data = reinterpret_cast<std::uint8_t*>(address);  // NOLINT(performance-no-int-to-ptr)
  AVBufferRef* const made = av_buffer_create(data, bytes, give_back, owned.get(), 0);
  if (made != nullptr) static_cast<void>(owned.release());  // now owned by the buffer
  return made;
}

}  // namespace

int CardMemory::copy_picture(const std::shared_ptr<Card>& card, const AVFrame& from, AVFrame& to) {
  const auto layout = compute_layout(from);
  auto block = card->take(layout.bytes());
  if (!block) return AVERROR(ENOMEM);
  const std::uint64_t address = block->address;
  auto memory = std::make_shared<CardMemory>(card, *std::move(block), layout);
  if (memory->fill(from) != 0) return AVERROR_EXTERNAL;
  to.buf[0] = make_buffer(std::move(memory), address, layout.bytes());
  if (to.buf[0] == nullptr) return AVERROR(ENOMEM);
  const int result = av_frame_copy_props(&to, &from);
  if (result < 0) return result;
  to.format = from.format;
  to.width = layout.width;
  to.height = layout.height;
  to.crop_left = to.crop_top = to.crop_right = to.crop_bottom = 0;
  to.data[0] = to.buf[0]->data;
  to.data[1] = to.buf[0]->data + layout.pitch * layout.rows;
  to.linesize[0] = to.linesize[1] = static_cast<int>(layout.pitch);
  to.extended_data = to.data;
  return 0;
}

/// Returns the driver's error code.
int CardMemory::fill(const AVFrame& from) {
  const auto& driver = card_->driver();
  const CurrentContext current(*card_);
  const auto width = static_cast<std::size_t>(layout_.width);
  const auto height = static_cast<std::size_t>(layout_.height);
  const RowsCopy luma{.source_x = from.crop_left,
                      .source_y = from.crop_top,
                      .source_device = reinterpret_cast<std::uintptr_t>(from.data[0]),
                      .source_pitch = static_cast<std::size_t>(from.linesize[0]),
                      .target_kind = RowsCopy::kOnCard,
                      .target_device = block_.address,
                      .target_pitch = layout_.pitch,
                      .width_bytes = width,
                      .height = height};
  RowsCopy chroma = luma;
  chroma.source_x = from.crop_left / 2 * 2;
  chroma.source_y = find_chroma_row(from) + from.crop_top / 2;
  chroma.target_device = block_.address + layout_.pitch * layout_.rows;
  chroma.width_bytes = (width + 1) / 2 * 2;
  chroma.height = (height + 1) / 2;
  int error = driver.copy_rows(&luma, card_->stream());
  if (error == 0) error = driver.copy_rows(&chroma, card_->stream());
  if (error == 0) error = driver.record(block_.whole, card_->stream());
  return error;
}

std::shared_ptr<DevicePicture> CardMemory::show(const std::shared_ptr<CardMemory>& memory,
                                                const PictureFormat& format) {
  memory->format_ = format;
  const auto& layout = memory->layout_;
  const auto stride = static_cast<std::ptrdiff_t>(layout.pitch);
  const auto address = static_cast<std::uintptr_t>(memory->block_.address);
  return std::make_shared<DevicePicture>(DevicePicture{
      .card = memory->card_->index(),
      .format = format,
      .planes = {DevicePlane{address, stride}, DevicePlane{address + layout.pitch * layout.rows, stride}},
      .bytes = layout.bytes(),
      .most_bytes = memory->card_->most_bytes(),
      .memory = memory});
}

std::shared_ptr<const DevicePicture> CardMemory::make_picture(
    const AVFrame& frame, const PictureFormat& format,
    std::shared_ptr<std::atomic<std::uint64_t>> downloads) {
  const auto& memory = *static_cast<Shared*>(av_buffer_get_opaque(frame.buf[0]));
  memory->downloads_ = std::move(downloads);
  return show(memory, format);
}

void CardMemory::fetch(const MutablePicture& to) const {
  check_process();
  const auto& driver = card_->driver();
  void* const stream = card_->download_stream();
  const CurrentContext current(*card_);
  int error = driver.stream_waits(stream, block_.whole, 0);
  for (int i = 0; i < 2 && error == 0; ++i) {
    const auto& plane = to.planes[static_cast<std::size_t>(i)];
    const RowsCopy copy{.source_device = block_.address + (i == 0 ? 0 : layout_.pitch * layout_.rows),
                        .source_pitch = layout_.pitch,
                        .target_host = to.row(i),
                        .target_pitch = static_cast<std::size_t>(plane.stride),
                        .width_bytes = static_cast<std::size_t>(plane.row_bytes),
                        .height = static_cast<std::size_t>(plane.rows)};
    error = driver.copy_rows(&copy, stream);
  }
  // waits even after an error, because a copy may be running
  const int ended = driver.wait_for_stream(stream);
  check(error != 0 ? error : ended, "copied to host memory");
  if (downloads_) downloads_->fetch_add(1);
}

void CardMemory::wait() const {
  check_process();
  const CurrentContext current(*card_);
  check(card_->driver().wait_for_event(block_.whole), "waited for");
}

void CardMemory::wait_on(std::uintptr_t stream) const {
  check_process();
  const CurrentContext current(*card_);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the driver's handle
  check(card_->driver().stream_waits(reinterpret_cast<void*>(stream), block_.whole, 0), "waited for");
}

void CardMemory::note_reader(std::uintptr_t stream) const noexcept {
  if (birthplace_.is_inherited()) return;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the driver's handle
  card_->note_reader(block_, reinterpret_cast<void*>(stream));
}

std::shared_ptr<const DevicePicture> CardMemory::copied() const {
  check_process();
  auto block = card_->take(layout_.bytes());
  if (!block) throw DeviceError(card_->name() + " has no memory left for a copy of a frame");
  const auto copy = std::make_shared<CardMemory>(card_, *std::move(block), layout_);
  copy->downloads_ = downloads_;
  const auto& driver = card_->driver();
  const CurrentContext current(*card_);
  const RowsCopy all{.source_device = block_.address,
                     .source_pitch = layout_.pitch,
                     .target_kind = RowsCopy::kOnCard,
                     .target_device = copy->block_.address,
                     .target_pitch = layout_.pitch,
                     .width_bytes = layout_.pitch,
                     .height = layout_.rows + layout_.rows / 2};
  // uses the same stream, so it runs after the copy that filled this block
  int error = driver.copy_rows(&all, card_->stream());
  if (error == 0) error = driver.record(copy->block_.whole, card_->stream());
  check(error, "copied");
  return show(copy, format_);
}

void CardMemory::check(int error, const char* doing) const {
  if (error == 0) return;
  throw DeviceError(card_->name() + ": a frame cannot be " + doing + ": " +
                    card_->driver().get_error_name(error));
}

void CardMemory::check_process() const {
  if (!birthplace_.is_inherited()) return;
  throw StateError(
      "this frame is on a GPU that the parent process uses: read its pixels before the fork, or "
      "start processes with multiprocessing's 'spawn'");
}

}  // namespace freshframe::media

// A decoder's get_buffer2 callback.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/read/decoder_memory.hpp"

#include "freshframe/frame.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "media/ffmpeg/read/frame_maker.hpp"

extern "C" {
#include <libavutil/imgutils.h>
}

namespace freshframe::media {
namespace {

constexpr std::size_t kStride = 64;  // bytes: the alignment of rows for the widest SIMD code of decoders
constexpr std::size_t kTail =
    16 + 63;  // bytes behind a plane that decoders may read, as FFmpeg's own pool has

struct Layout {
  std::array<int, 4> strides{};
  std::array<std::size_t, 4> offsets{};
  std::size_t bytes = 0;
};

// As avcodec_default_get_buffer2() lays planes out: the width grows until every row is aligned, so that the
// rows of chroma keep their share of those of luma.
bool lay_out(AVCodecContext& codec, const AVFrame& frame, Layout& layout) {
  int width = frame.width;
  int height = frame.height;
  std::array<int, AV_NUM_DATA_POINTERS> unused{};
  avcodec_align_dimensions2(&codec, &width, &height, unused.data());
  const auto format = static_cast<AVPixelFormat>(frame.format);
  bool aligned = false;
  while (!aligned) {
    if (av_image_fill_linesizes(layout.strides.data(), format, width) < 0) return false;
    width += width & ~(width - 1);
    aligned = true;
    for (const int stride : layout.strides)
      aligned = aligned && static_cast<std::size_t>(stride) % kStride == 0;
  }
  std::array<std::ptrdiff_t, 4> strides{};
  for (std::size_t i = 0; i < strides.size(); ++i) strides[i] = layout.strides[i];
  std::array<std::size_t, 4> sizes{};
  if (av_image_fill_plane_sizes(sizes.data(), format, height, strides.data()) < 0) return false;
  for (std::size_t i = 0; i < sizes.size() && sizes[i] > 0; ++i) {
    layout.offsets[i] = layout.bytes;
    layout.bytes += (sizes[i] + kTail + kStride - 1) / kStride * kStride;
  }
  return true;
}

bool is_ours(const AVCodecContext& codec, const AVFrame& frame) {
  const bool takes_any = (codec.codec->capabilities & AV_CODEC_CAP_DR1) != 0;
  return takes_any && codec.codec_type == AVMEDIA_TYPE_VIDEO && frame.hw_frames_ctx == nullptr &&
         same_layout(static_cast<AVPixelFormat>(frame.format)).has_value();
}

// The decoders of MPEG's family fill the missing parts of a damaged picture from the one before. The others
// leave the memory as it was, and that of the pool may hold another camera's picture.
bool conceals_damage(AVCodecID codec) {
  switch (codec) {
    case AV_CODEC_ID_H264:
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO:
    case AV_CODEC_ID_MPEG4:
    case AV_CODEC_ID_H263:
      return true;
    default:
      return false;
  }
}

void give_back(void* buffer, std::uint8_t* /*memory*/) {
  delete static_cast<FramePool::Buffer*>(buffer);
}

// Fills in the frame's memory. False: it has none yet.
bool take_from_pool(AVCodecContext& codec, AVFrame& frame) {
  Layout layout;
  if (!is_ours(codec, frame) || !lay_out(codec, frame, layout)) return false;
  auto buffer = FramePool::shared().take_used(layout.bytes);
  if (!buffer) return false;
  std::uint8_t* const memory = buffer.get();
  if (!conceals_damage(codec.codec_id)) std::memset(memory, 0, layout.bytes);
  auto owned = std::make_unique<FramePool::Buffer>(std::move(buffer));
  frame.buf[0] = av_buffer_create(memory, layout.bytes, &give_back, owned.get(), 0);
  if (frame.buf[0] == nullptr) return false;
  static_cast<void>(owned.release());  // the buffer's
  for (std::size_t i = 0; i < layout.strides.size() && layout.strides[i] > 0; ++i) {
    frame.data[i] = memory + layout.offsets[i];
    frame.linesize[i] = layout.strides[i];
  }
  frame.extended_data = frame.data;
  return true;
}

// On any thread of the decoder.
int get_buffer(AVCodecContext* codec, AVFrame* frame, int flags) noexcept {
  try {
    if (take_from_pool(*codec, *frame)) return 0;
  } catch (const std::bad_alloc&) {  // no memory for the buffer's record
  }
  return avcodec_default_get_buffer2(codec, frame, flags);
}

}  // namespace

void decode_into_pool(AVCodecContext& codec) noexcept {
  codec.get_buffer2 = &get_buffer;
#if LIBAVCODEC_VERSION_MAJOR < 60  // later versions imply it
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  codec.thread_safe_callbacks = 1;
#pragma GCC diagnostic pop
#endif
}

}  // namespace freshframe::media

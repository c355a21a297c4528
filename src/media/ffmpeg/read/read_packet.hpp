// Reads packets that may be kept.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <new>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Does the work of av_read_frame(), but the packet's memory is at most twice its size. FFmpeg's demuxer of transport
/// streams collects each picture in a buffer of 200 KiB, and a packet of a kilobyte that is kept would hold all of
/// it.
[[nodiscard]] inline int read_packet(AVFormatContext& input, AVPacket& packet) {
  const int result = av_read_frame(&input, &packet);
  if (result < 0 || packet.buf == nullptr) return result;
  const auto size = static_cast<std::size_t>(packet.size);
  const auto needed = size + AV_INPUT_BUFFER_PADDING_SIZE;
  if (packet.buf->size <= 2 * needed) return result;
  AVBufferRef* const own = av_buffer_alloc(needed);
  if (own == nullptr) throw std::bad_alloc();
  std::memcpy(own->data, packet.data, size);
  std::memset(own->data + size, 0, AV_INPUT_BUFFER_PADDING_SIZE);
  av_buffer_unref(&packet.buf);
  packet.buf = own;
  packet.data = own->data;
  return result;
}

}  // namespace freshframe::media

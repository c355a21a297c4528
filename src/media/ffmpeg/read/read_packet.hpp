// Reads packets that may be kept.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Returns true if zero bytes follow the packet, as decoders require. Since FFmpeg 7.1, packets may be views
/// into a larger buffer, where the next image follows.
[[nodiscard]] inline bool is_padded(const AVPacket& packet) {
  const std::uint8_t* const end = packet.data + packet.size;
  return std::all_of(end, end + AV_INPUT_BUFFER_PADDING_SIZE, [](std::uint8_t byte) { return byte == 0; });
}

/// Like av_read_frame(), but the packet's memory is at most twice its size, and padded. FFmpeg's transport
/// stream demuxer collects each frame in a buffer of 200 KiB, all of which a stored packet of one kilobyte
/// would keep.
[[nodiscard]] inline int read_packet(AVFormatContext& input, AVPacket& packet) {
  const int result = av_read_frame(&input, &packet);
  if (result < 0 || packet.buf == nullptr) return result;
  const auto size = static_cast<std::size_t>(packet.size);
  const auto needed = size + AV_INPUT_BUFFER_PADDING_SIZE;
  if (packet.buf->size <= 2 * needed && is_padded(packet)) return result;
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

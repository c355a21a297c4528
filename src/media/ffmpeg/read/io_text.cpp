// Reads an AVIOContext into a string, and puts a string back to be read again.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/read/io_text.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <new>

#include "media/ffmpeg/options.hpp"
#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

namespace {

constexpr std::size_t kMostText = 16U << 20U;  // in bytes; some playlists list all segments of a day

/// Returns true if all bytes of the requested HTTP range were read. FFmpeg 9 then returns AVERROR(EIO) if the
/// file is longer.
bool has_read_range(AVIOContext& io) {
  const auto end = protocol_text(io, "end_offset");
  return !end.empty() && end != "0" && protocol_text(io, "offset") == end;
}

}  // namespace

bool begins_with(AVIOContext& io, std::string_view bytes) {
  const auto begin = avio_tell(&io);
  std::string first(bytes.size(), '\0');
  const int size =
      avio_read(&io, reinterpret_cast<unsigned char*>(first.data()), static_cast<int>(first.size()));
  return avio_seek(&io, begin, SEEK_SET) >= 0 && size == static_cast<int>(first.size()) && first == bytes;
}

std::optional<std::string> take_text(AVIOContext& io, bool whole) {
  std::string text;
  std::array<unsigned char, 4096> part{};
  for (;;) {
    const int count = avio_read(&io, part.data(), static_cast<int>(part.size()));
    if (count == 0 || count == AVERROR_EOF || (count < 0 && has_read_range(io))) return text;
    // FFmpeg's demuxer also uses what arrived before the error.
    if (count < 0 && !whole && !text.empty()) return text;
    if (count < 0 || text.size() > kMostText) return std::nullopt;
    text.append(reinterpret_cast<const char*>(part.data()), static_cast<std::size_t>(count));
  }
}

void put_text(AVIOContext& io, std::string_view text, std::int64_t begin) {
  auto* bytes = static_cast<unsigned char*>(av_malloc(text.size() + 1));
  if (bytes == nullptr) throw std::bad_alloc();
  std::memcpy(bytes, text.data(), text.size());
  av_free(io.buffer);
  io.buffer = io.buf_ptr = bytes;
  io.buf_end = bytes + text.size();
  io.buffer_size = static_cast<int>(text.size() + 1);
  io.pos = begin + static_cast<std::int64_t>(text.size());  // the offset of buf_end
  io.eof_reached = 0;
  io.error = 0;
}

}  // namespace freshframe::media

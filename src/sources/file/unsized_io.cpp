// Reads a body over HTTP without a length, up to the end of its connection or to its last chunk.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/unsized_io.hpp"

#include <utility>

#include "media/ffmpeg/log.hpp"

namespace freshframe::media {
namespace {

constexpr int kBuffer =
    1 << 16;  // bytes: twice FFmpeg's own, so that a demuxer can go back to where it began

}  // namespace

UnsizedIo::UnsizedIo(IoPtr network, End end)
    : network_(std::move(network)), end_(end), io_(make_own_io(kBuffer, [this](std::uint8_t* buffer) {
        return avio_alloc_context(buffer, kBuffer, 0, this, &UnsizedIo::read, nullptr, &UnsizedIo::seek);
      })) {
  io_->seekable = network_->seekable;  // by ranges, which a server may offer without the length
}

int UnsizedIo::read(void* opaque, std::uint8_t* to, int size) noexcept {
  auto& self = *static_cast<UnsizedIo*>(opaque);
  const int count = avio_read_partial(self.network_.get(), to, size);
  const bool is_over = count == 0 || count == AVERROR_EOF || count == AVERROR(EIO);
  if (!is_over) return count;  // a connection that is reset has another code
  if (avio_size(self.network_.get()) >= 0) return count == 0 ? AVERROR_EOF : count;  // a range has a length
  self.is_whole_ = self.is_whole_ || self.end_ == End::Connection || FfmpegErrorCapture::met_last_chunk();
  return self.is_whole_ ? AVERROR_EOF : AVERROR(EIO);
}

std::int64_t UnsizedIo::seek(void* opaque, std::int64_t offset, int whence) noexcept {
  return avio_seek(static_cast<UnsizedIo*>(opaque)->network_.get(), offset, whence);
}

}  // namespace freshframe::media

// Reads an HTTP body of unknown length, until the connection closes or the last chunk arrives.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/unsized_io.hpp"

#include <utility>

extern "C" {
#include <libavutil/opt.h>
}

#include "media/ffmpeg/log.hpp"

namespace freshframe::media {
namespace {

constexpr int kBuffer =
    1 << 16;  // in bytes; twice FFmpeg's default, so that a demuxer can seek back to its start

}  // namespace

UnsizedIo::UnsizedIo(IoPtr network, End end)
    : network_(std::move(network)), end_(end), io_(make_own_io(kBuffer, [this](std::uint8_t* buffer) {
        return avio_alloc_context(buffer, kBuffer, 0, this, &UnsizedIo::read, nullptr, &UnsizedIo::seek);
      })) {
  io_->seekable = network_->seekable;  // seeking uses range requests, which work without a known length
  // FFmpeg would otherwise reconnect endlessly when the connection closes, which is the regular end of such a
  // body.
  if (end == End::Connection) {
    static_cast<void>(av_opt_set_int(network_.get(), "reconnect_delay_max", 0, AV_OPT_SEARCH_CHILDREN));
  }
}

int UnsizedIo::read(void* opaque, std::uint8_t* to, int size) noexcept {
  auto& self = *static_cast<UnsizedIo*>(opaque);
  const int count = avio_read_partial(self.network_.get(), to, size);
  const bool is_over = count == 0 || count == AVERROR_EOF || count == AVERROR(EIO);
  if (!is_over) return count;  // a connection reset gives a different code
  // A range response may state the length. FFmpeg reads "*" (unknown) as 0.
  if (avio_size(self.network_.get()) > 0) return count == 0 ? AVERROR_EOF : count;
  self.note_end();
  if (self.end_ == End::Chunk && !self.met_last_chunk_) return AVERROR(EIO);
  self.network_->error = 0;  // otherwise the end of a later range would count as an error
  return AVERROR_EOF;
}

std::int64_t UnsizedIo::seek(void* opaque, std::int64_t offset, int whence) noexcept {
  auto& self = *static_cast<UnsizedIo*>(opaque);
  const std::int64_t place = avio_seek(self.network_.get(), offset, whence);
  if ((whence & AVSEEK_SIZE) != 0) return place > 0 ? place : AVERROR(ENOSYS);
  if (const auto chunks = FfmpegErrorCapture::chunks_of_answer()) {  // a new request was made
    self.end_ = *chunks ? End::Chunk : End::Connection;
    self.met_last_chunk_ = false;
  }
  self.note_end();  // a short seek forward reads data, and may reach the end
  return place;
}

void UnsizedIo::note_end() noexcept {
  met_last_chunk_ = met_last_chunk_ || FfmpegErrorCapture::met_last_chunk();
}

}  // namespace freshframe::media

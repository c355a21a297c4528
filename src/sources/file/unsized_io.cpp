// Reads a body over HTTP without a length, up to the end of its connection.
// SPDX-License-Identifier: Apache-2.0
#include "sources/file/unsized_io.hpp"

#include <memory>
#include <new>
#include <utility>

namespace freshframe::media {
namespace {

constexpr int kBuffer =
    1 << 16;  // bytes: twice FFmpeg's own, so that a demuxer can go back to where it began

}  // namespace

UnsizedIo::UnsizedIo(IoPtr network) : network_(std::move(network)) {
  const auto free_buffer = [](std::uint8_t* buffer) { av_free(buffer); };
  std::unique_ptr<std::uint8_t, decltype(free_buffer)> buffer(static_cast<std::uint8_t*>(av_malloc(kBuffer)),
                                                              free_buffer);
  if (!buffer) throw std::bad_alloc();
  io_.reset(avio_alloc_context(buffer.get(), kBuffer, 0, network_.get(), &UnsizedIo::read, nullptr, nullptr));
  if (!io_) throw std::bad_alloc();
  static_cast<void>(buffer.release());  // the context has it
  io_->seekable = 0;
}

int UnsizedIo::read(void* opaque, std::uint8_t* to, int size) noexcept {
  const int count = avio_read_partial(static_cast<AVIOContext*>(opaque), to, size);
  if (count == 0 || count == AVERROR(EIO)) return AVERROR_EOF;  // a connection that is reset has another code
  return count;
}

}  // namespace freshframe::media

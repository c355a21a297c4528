// The input of FFmpeg's demuxer behind a filter.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/filter/filtered_io.hpp"

#include "freshframe/error.hpp"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <exception>
#include <new>
#include <utility>

namespace freshframe::media {
namespace {

constexpr int kNetworkBuffer = 1 << 15;  // bytes
// As FFmpeg's own: half of it stays, so that a demuxer can go back to where it began.
constexpr int kDemuxersBuffer = 2 * kNetworkBuffer;

}  // namespace

FilteredIo::FilteredIo(IoPtr network, std::unique_ptr<ByteFilter> filter)
    : network_(std::move(network)), filter_(std::move(filter)), buffer_(kNetworkBuffer) {
  auto* memory = static_cast<unsigned char*>(av_malloc(kDemuxersBuffer));
  if (memory != nullptr) {
    io_ = avio_alloc_context(memory, kDemuxersBuffer, 0, this, &FilteredIo::read, nullptr, nullptr);
  }
  if (io_ == nullptr) {
    av_free(memory);
    throw std::bad_alloc();
  }
  io_->seekable = 0;
}

FilteredIo::~FilteredIo() {
  av_freep(static_cast<void*>(&io_->buffer));
  avio_context_free(&io_);
}

int FilteredIo::read(void* opaque, std::uint8_t* to, int size) noexcept {
  try {
    return static_cast<FilteredIo*>(opaque)->read({to, static_cast<std::size_t>(size)});
  } catch (const std::exception&) {
    return AVERROR(ENOMEM);
  }
}

void FilteredIo::filter(Bytes bytes) {
  try {
    filter_->add(bytes, std::chrono::steady_clock::now(), bytes_);
  } catch (const Error& error) {
    failure_ = error.what();
  }
}

/// At least one byte, or FFmpeg's error.
int FilteredIo::read(std::span<std::uint8_t> to) {
  int count = 1;
  while (bytes_.empty() && count > 0 && failure_.empty()) {
    count = avio_read_partial(network_.get(), buffer_.data(), kNetworkBuffer);
    if (count > 0) {
      filter(Bytes(buffer_).first(static_cast<std::size_t>(count)));
    } else {
      filter_->finish(bytes_);
    }
  }
  if (!bytes_.empty()) return static_cast<int>(bytes_.take(to));
  if (!failure_.empty()) return AVERROR(EMSGSIZE);
  return count == 0 ? AVERROR_EOF : count;
}

}  // namespace freshframe::media

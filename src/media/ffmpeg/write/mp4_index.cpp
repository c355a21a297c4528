// The index of an MP4 file whose packets are in fragments.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/mp4_index.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "media/ffmpeg/error.hpp"

namespace freshframe::media {
namespace {

void check(int result) {
  if (result < 0) throw Error("cannot make the index of an MP4 file: " + ffmpeg_text(result));
}

}  // namespace

int Mp4Index::keep(void* opaque, const std::uint8_t* data, int size) noexcept {
  auto& sink = *static_cast<Sink*>(opaque);
  if (sink.position >= sink.kept_from) {
    const auto at = static_cast<std::size_t>(sink.position - sink.kept_from);
    const auto end = at + static_cast<std::size_t>(size);
    try {
      if (sink.kept.size() < end) sink.kept.resize(end);
    } catch (const std::bad_alloc&) {
      return AVERROR(ENOMEM);
    }
    std::memcpy(sink.kept.data() + at, data, static_cast<std::size_t>(size));
  }
  sink.position += size;
  return size;
}

std::int64_t Mp4Index::seek(void* opaque, std::int64_t offset, int whence) noexcept {
  if (whence != SEEK_SET) return AVERROR(ENOSYS);
  return static_cast<Sink*>(opaque)->position = offset;
}

Mp4Index::Mp4Index(const std::string& container, const AVStream& stream) {
  constexpr int kBufferSize = 1 << 15;
  AVFormatContext* output = nullptr;
  check(avformat_alloc_output_context2(&output, nullptr, container.c_str(), nullptr));
  output_.reset(output);
  auto* const buffer = static_cast<std::uint8_t*>(av_malloc(kBufferSize));
  if (buffer == nullptr) throw std::bad_alloc();
#if LIBAVFORMAT_VERSION_MAJOR >= 61
  constexpr auto kKeep = &Mp4Index::keep;
#else
  constexpr auto kKeep = [](void* opaque, std::uint8_t* data, int size) { return keep(opaque, data, size); };
#endif
  io_.reset(avio_alloc_context(buffer, kBufferSize, 1, sink_.get(), nullptr, kKeep, &Mp4Index::seek));
  if (!io_) throw std::bad_alloc();
  output_->pb = io_.get();
  AVStream* copy = avformat_new_stream(output_.get(), nullptr);
  if (copy == nullptr) throw std::bad_alloc();
  check(avcodec_parameters_copy(copy->codecpar, stream.codecpar));
  copy->time_base = stream.time_base;
  copy->avg_frame_rate = stream.avg_frame_rate;
  check(avformat_write_header(output_.get(), nullptr));
}

void Mp4Index::add(const std::vector<AvPacketPtr>& packets, std::int64_t position, AVRational time_base) {
  if (avio_seek(io_.get(), position, SEEK_SET) < 0) check(AVERROR(EIO));
  for (const auto& packet : packets) {
    packet->stream_index = 0;
    av_packet_rescale_ts(packet.get(), time_base, output_->streams[0]->time_base);
    check(av_write_frame(output_.get(), packet.get()));
  }
}

std::vector<std::uint8_t> Mp4Index::finish(std::int64_t position) {
  if (avio_seek(io_.get(), position, SEEK_SET) < 0) check(AVERROR(EIO));
  avio_flush(io_.get());
  sink_->kept_from = position;
  check(av_write_trailer(output_.get()));
  avio_flush(io_.get());
  output_->pb = nullptr;
  return std::move(sink_->kept);
}

}  // namespace freshframe::media

// Writes the index of an MP4 whose packets are in fragments.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/mp4_index.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/read/upright.hpp"
#include "media/ffmpeg/write/moov_box.hpp"

namespace freshframe::media {
namespace {

constexpr std::uint32_t kKey = 0x80000000;
constexpr std::uint32_t kHead = 16;  // size of a table's head before its rows, in bytes

void check_index(int result) {
  if (result < 0) throw Error("cannot write the index of an MP4 file: " + ffmpeg_text(result));
}

/// `version`: the first byte of the table.
void write_head(AVIOContext& out, const char* name, std::uint64_t bytes, std::uint32_t rows,
                unsigned version = 0) {
  avio_wb32(&out, static_cast<unsigned>(bytes));
  avio_write(&out, reinterpret_cast<const unsigned char*>(name), 4);
  avio_wb32(&out, version << 24U);
  avio_wb32(&out, rows);
}

/// Run-length encodes a table: rows of a count and a value.
class Runs {
 public:
  explicit Runs(AVIOContext& out) : out_(out) {}
  void add(std::uint32_t value) {
    if (count_ > 0 && value != value_) end();
    value_ = value;
    ++count_;
  }
  void end() {
    avio_wb32(&out_, std::exchange(count_, 0));
    avio_wb32(&out_, value_);
  }

 private:
  AVIOContext& out_;
  std::uint32_t value_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace

int Mp4Trial::keep(void* opaque, const std::uint8_t* data, int size) noexcept {
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

std::int64_t Mp4Trial::seek(void* opaque, std::int64_t offset, int whence) noexcept {
  if (whence != SEEK_SET) return AVERROR(ENOSYS);
  return static_cast<Sink*>(opaque)->position = offset;
}

Mp4Trial::Mp4Trial(const AVOutputFormat& container, const AVCodecParameters& codec, const AVStream& stream) {
  AVFormatContext* output = nullptr;
  check_index(avformat_alloc_output_context2(&output, &container, nullptr, nullptr));
  output_.reset(output);
  io_ = make_writing_io<&Mp4Trial::keep>(1 << 15, sink_.get(), &Mp4Trial::seek);
  output_->pb = io_.get();
  AVStream* copy = avformat_new_stream(output_.get(), nullptr);
  if (copy == nullptr) throw std::bad_alloc();
  check_index(avcodec_parameters_copy(copy->codecpar, &codec));
  copy->time_base = stream.time_base;
  copy->avg_frame_rate = stream.avg_frame_rate;
  store_turn(*copy, read_turn(stream));
  check_index(avformat_write_header(output_.get(), nullptr));
}

void Mp4Trial::go_to(std::int64_t position) {
  if (avio_seek(io_.get(), position, SEEK_SET) < 0) check_index(AVERROR(EIO));
}

std::uint32_t Mp4Trial::write(AVPacket& packet) {
  const auto begin = avio_tell(io_.get());
  check_index(av_write_frame(output_.get(), &packet));
  ++packets_;
  return static_cast<std::uint32_t>(avio_tell(io_.get()) - begin);
}

std::vector<std::uint8_t> Mp4Trial::finish() {
  avio_flush(io_.get());
  sink_->kept_from = sink_->position;
  check_index(av_write_trailer(output_.get()));
  avio_flush(io_.get());
  output_->pb = nullptr;
  return std::move(sink_->kept);
}

Mp4Index::Mp4Index(const AVOutputFormat& container, const AVStream& stream, std::string path)
    : container_(container),
      stream_(stream),
      codec_(avcodec_parameters_alloc()),
      packets_(path),
      chunks_(std::move(path)) {
  if (!codec_) throw std::bad_alloc();
  check_index(avcodec_parameters_copy(codec_.get(), stream.codecpar));
  description_.emplace(container_, *codec_, stream_);
  time_base_ = description_->time_base();
}

Mp4Trial& Mp4Index::next_trial() {
  constexpr int kMostPackets = 1000;
  if (packets_.count() == 0) return *description_;
  if (!sizes_ || sizes_->packets() > kMostPackets) sizes_.emplace(container_, *codec_, stream_);
  return *sizes_;
}

void Mp4Index::add(const std::vector<AvPacketPtr>& packets, std::int64_t position, AVRational time_base) {
  auto& trial = next_trial();
  trial.go_to(position);
  for (const auto& packet : packets) {
    packet->stream_index = 0;
    const auto next = av_rescale_q(packet->dts + packet->duration, time_base, time_base_);
    av_packet_rescale_ts(packet.get(), time_base, time_base_);
    // so that the durations add up to the timestamp of the next packet
    packet->duration = next - packet->dts;
    const auto size = trial.write(*packet);
    add_packet(*packet, size);
  }
  if (&trial == &*description_) described_end_ = end_;
  const auto count = static_cast<std::uint32_t>(packets.size());
  const auto place = static_cast<std::uint64_t>(position);
  chunks_.add({static_cast<std::uint32_t>(place >> 32U), static_cast<std::uint32_t>(place), count});
  if (count != std::exchange(last_chunk_, count)) ++rows_.chunks;
  last_position_ = position;
}

void Mp4Index::add_packet(const AVPacket& packet, std::uint32_t size) {
  const bool first = packets_.count() == 0;
  const auto duration = static_cast<std::uint32_t>(packet.duration);
  const auto offset = static_cast<std::int32_t>(packet.pts - packet.dts);
  const bool key = (packet.flags & AV_PKT_FLAG_KEY) != 0;
  packets_.add({size | (key ? kKey : 0U), duration, static_cast<std::uint32_t>(offset)});
  if (first || duration != last_duration_) ++rows_.durations;
  if (first || offset != last_offset_) ++rows_.offsets;
  rows_.keys += key ? 1 : 0;
  has_negative_ = has_negative_ || offset < 0;
  last_duration_ = duration;
  last_offset_ = offset;
  if (first) start_ = end_ = packet.pts;
  end_ = std::max(end_, packet.pts + packet.duration);
}

void Mp4Index::finish(AVIOContext& out) {
  const MoovTimes times{
      .described = described_end_ - start_, .whole = end_ - start_, .time_base = time_base_};
  const auto moov = open_moov(description_->finish(), times, tables_bytes());
  const auto write = [&out](const std::uint8_t* from, std::size_t size) {
    avio_write(&out, from, static_cast<int>(size));
  };
  write(moov.bytes.data(), moov.tables_at);
  write_tables(out);
  write(moov.bytes.data() + moov.tables_at, moov.bytes.size() - moov.tables_at);
}

std::uint64_t Mp4Index::tables_bytes() const {
  constexpr std::uint64_t kRun = 8;
  constexpr std::uint64_t kChunkRun = 12;
  const std::uint64_t place = last_position_ > UINT32_MAX ? 8 : 4;
  std::uint64_t bytes = kHead + kRun * rows_.durations;
  if (has_key_table()) bytes += kHead + 4ULL * rows_.keys;
  if (has_offsets()) bytes += kHead + kRun * rows_.offsets;
  bytes += kHead + kChunkRun * rows_.chunks;
  bytes += kHead + 4 + 4ULL * packets_.count();
  return bytes + kHead + place * chunks_.count();
}

void Mp4Index::write_tables(AVIOContext& out) const {
  write_times(out);
  if (has_key_table()) write_keys(out);
  write_places(out);
}

void Mp4Index::write_times(AVIOContext& out) const {
  write_head(out, "stts", kHead + 8ULL * rows_.durations, rows_.durations);
  Runs durations(out);
  packets_.for_each([&](const auto& packet) { durations.add(packet[1]); });
  durations.end();
  if (!has_offsets()) return;
  write_head(out, "ctts", kHead + 8ULL * rows_.offsets, rows_.offsets, has_negative_ ? 1 : 0);
  Runs offsets(out);
  packets_.for_each([&](const auto& packet) { offsets.add(packet[2]); });
  offsets.end();
}

void Mp4Index::write_keys(AVIOContext& out) const {
  write_head(out, "stss", kHead + 4ULL * rows_.keys, rows_.keys);
  std::uint32_t number = 0;
  packets_.for_each([&](const auto& packet) {
    ++number;
    if ((packet[0] & kKey) != 0) avio_wb32(&out, number);
  });
}

void Mp4Index::write_places(AVIOContext& out) const {
  write_head(out, "stsc", kHead + 12ULL * rows_.chunks, rows_.chunks);
  std::uint32_t number = 0;
  std::uint32_t last = 0;
  chunks_.for_each([&](const auto& chunk) {
    ++number;
    if (chunk[2] == std::exchange(last, chunk[2])) return;
    avio_wb32(&out, number);
    avio_wb32(&out, chunk[2]);
    avio_wb32(&out, 1);  // sample description index
  });
  write_head(out, "stsz", kHead + 4 + 4ULL * packets_.count(), 0);
  avio_wb32(&out, packets_.count());
  packets_.for_each([&](const auto& packet) { avio_wb32(&out, packet[0] & ~kKey); });
  const bool wide = last_position_ > UINT32_MAX;
  write_head(out, wide ? "co64" : "stco", kHead + (wide ? 8ULL : 4ULL) * chunks_.count(), chunks_.count());
  chunks_.for_each([&](const auto& chunk) {
    if (wide) avio_wb32(&out, chunk[0]);
    avio_wb32(&out, chunk[1]);
  });
}

}  // namespace freshframe::media

// Lets FFmpeg's demuxer return a frame as soon as its last byte arrives, where the stream's format allows it.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/filter/early_ends.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <exception>
#include <string_view>

#include "media/ffmpeg/options.hpp"
#include "sources/network/filter/header_filter.hpp"
#include "sources/network/filter/multipart_filter.hpp"

extern "C" {
#include <libavutil/opt.h>
}

namespace freshframe::media {

// Puts a filter in front of the input of FFmpeg's demuxer.

namespace {

constexpr int kNetworkBuffer = 1 << 15;  // bytes
// As in FFmpeg: half of the buffer keeps old data, so that a demuxer can seek back to its start.
constexpr int kDemuxersBuffer = 2 * kNetworkBuffer;

}  // namespace

FilteredIo::FilteredIo(IoPtr network, std::unique_ptr<ByteFilter> filter)
    : network_(std::move(network)),
      filter_(std::move(filter)),
      buffer_(kNetworkBuffer),
      io_(make_reading_io(kDemuxersBuffer, this, &FilteredIo::read)) {}

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

/// Waits for at least one byte. Returns the count or FFmpeg's error.
int FilteredIo::read(std::span<std::uint8_t> to) {
  int count = 1;
  while (bytes_.empty() && count > 0 && failure_.empty() && !filter_->has_ended()) {
    count = avio_read_partial(network_.get(), buffer_.data(), kNetworkBuffer);
    if (count > 0) {
      filter(Bytes(buffer_).first(static_cast<std::size_t>(count)));
    } else {
      filter_->finish(bytes_);
    }
  }
  if (!bytes_.empty()) return static_cast<int>(bytes_.take(to));
  if (!failure_.empty()) return AVERROR(EMSGSIZE);
  return count == 0 || filter_->has_ended() ? AVERROR_EOF : count;
}

namespace {

constexpr int kNoParser = AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN;

/// Returns the first bytes of the input, which can be read again afterwards.
std::vector<std::uint8_t> first_bytes(AVIOContext& io) {
  std::vector<std::uint8_t> first(kTsPacketSize + 1);
  const int size = avio_read_partial(&io, first.data(), static_cast<int>(first.size()));
  if (size <= 0 || avio_seek(&io, 0, SEEK_SET) < 0) return {};
  first.resize(static_cast<std::size_t>(size));
  return first;
}

bool is_transport_stream(Bytes first) {
  return !first.empty() && first.front() == kTsSync &&
         (first.size() <= kTsPacketSize || first.back() == kTsSync);
}

bool is_jpeg(Bytes first) {
  constexpr std::array<std::uint8_t, 3> kStart{0xFF, 0xD8, 0xFF};
  return first.size() >= kStart.size() && std::equal(kStart.begin(), kStart.end(), first.begin());
}

std::unique_ptr<ByteFilter> filter_for(AVIOContext& io, bool believes_stuffing) {
  const bool is_file = (io.seekable & AVIO_SEEKABLE_NORMAL) != 0 || avio_size(&io) > 0;
  if (is_file) return nullptr;
  if (protocol_text(io, "mime_type").starts_with("multipart/x-mixed-replace"))
    return std::make_unique<MultipartFilter>();
  const auto first = first_bytes(io);
  if (is_jpeg(first)) return std::make_unique<MultipartFilter>();
  if (is_transport_stream(first)) return std::make_unique<TsFilter>(believes_stuffing);
  return HeaderFilter::choose_filter(first);
}

std::optional<UnitSyntax> find_syntax(AVCodecID codec) {
  if (codec == AV_CODEC_ID_H264) return UnitSyntax::H264;
  if (codec == AV_CODEC_ID_HEVC) return UnitSyntax::H265;
  return std::nullopt;
}

/// Returns true if a packet begins with a start code (Annex B). In an MP4 it begins with a length.
bool begins_unit(Bytes bytes) {
  constexpr std::array<std::uint8_t, 4> kCode{0, 0, 0, 1};
  return bytes.size() > kCode.size() && (std::equal(kCode.begin(), kCode.end(), bytes.begin()) ||
                                         std::equal(kCode.begin() + 1, kCode.end(), bytes.begin()));
}

/// Returns null if the input has no video, or more than one.
AVStream* only_video(const AVFormatContext& input) {
  AVStream* video = nullptr;
  for (unsigned i = 0; i < input.nb_streams; ++i) {
    AVStream* stream = input.streams[i];
    if (stream->codecpar->codec_type != AVMEDIA_TYPE_VIDEO) continue;
    if (video != nullptr) return nullptr;
    video = stream;
  }
  return video;
}

}  // namespace

EarlyEnds::~EarlyEnds() {
  if (is_on_ && stream_ != nullptr) *believes_stuffing_ = stream_->believes_stuffing();
}

bool EarlyEnds::put_filter(AVFormatContext& input, AVIOContext*& io) {
  auto filter = filter_for(*io, *believes_stuffing_);
  if (!filter) return false;
  stream_ = dynamic_cast<TsFilter*>(filter.get());
  const bool is_multipart = dynamic_cast<MultipartFilter*>(filter.get()) != nullptr;
  io_ = std::make_unique<FilteredIo>(IoPtr(std::exchange(io, nullptr)), std::move(filter));
  io = io_->io();
  // FFmpeg selects this demuxer by the Content-Type, which the filter hides.
  if (is_multipart && input.iformat == nullptr) input.iformat = av_find_input_format("mpjpeg");
  input.flags |= AVFMT_FLAG_CUSTOM_IO;  // FFmpeg must not close the input, even if opening fails
  return true;
}

void EarlyEnds::prepare_playlist(AVFormatContext& input, const std::optional<TsVideo>& video) {
  constexpr int kH264 = 0x1B;
  constexpr int kH265 = 0x24;
  const bool is_known = video && (video->type == kH264 || video->type == kH265);
  is_playlist_ = is_playlist_ || is_known;
  // FFmpeg must fill in timestamps, because it waits for the first one of each stream while probing.
  input.flags = is_known ? input.flags | AVFMT_FLAG_NOPARSE : input.flags & ~AVFMT_FLAG_NOPARSE;
}

bool EarlyEnds::begin_input(AVFormatContext& input) {
  const AVStream* video = only_video(input);
  if (std::string_view(input.iformat->name) == "hls") {
    is_on_ = is_playlist_;
    return false;  // the demuxer must probe, because the size of each rendition is needed to choose one
  }
  is_on_ = stream_ != nullptr && video != nullptr && std::string_view(input.iformat->name) == "mpegts" &&
           input.nb_programs <= 1 && find_syntax(video->codecpar->codec_id) && video->id < kTsPids &&
           !stream_->is_scrambled(video->id);
  if (!is_on_) return false;
  io_->put([&](FilteredBytes& out) { stream_->end_early(video->id, out); });
  input.flags |= kNoParser;
  return true;
}

void EarlyEnds::look_at(AVPacket& packet, AVFormatContext& input) {
  picture_.reset();
  if (!is_on_) return;
  const auto syntax = find_syntax(input.streams[packet.stream_index]->codecpar->codec_id);
  if (io_ == nullptr && (!syntax || !begins_unit({packet.data, static_cast<std::size_t>(packet.size)})))
    return;
  const auto facts =
      syntax ? look_at_units(*syntax, {packet.data, static_cast<std::size_t>(packet.size)}) : UnitFacts();
  const bool whole = (packet.flags & AV_PKT_FLAG_CORRUPT) == 0;
  packet.flags &= ~AV_PKT_FLAG_KEY;
  if (whole && facts.can_begin()) packet.flags |= AV_PKT_FLAG_KEY;
  picture_ = {.torn = !whole,
              .after_loss = io_ != nullptr && io_->seek_loss(packet.pos),
              .refresh = find_refresh(facts),
              .recovery = facts.recovery.value_or(0)};
  if (!whole || (facts.pictures == 1 && packet.pts != AV_NOPTS_VALUE)) return;
  is_on_ = false;
  if (io_ == nullptr) {
    takes_parts_ = true;
    picture_.reset();
    return;
  }
  *believes_stuffing_ = false;
  packet.flags &= ~AV_PKT_FLAG_KEY;  // otherwise a decoder would show a partial frame
  picture_->refresh = Refresh::None;
  picture_->after_loss = true;  // the end of the previous frame may be missing
  io_->put([&](FilteredBytes& out) { stream_->end_early(std::nullopt, out); });
  input.flags &= ~kNoParser;
}

std::optional<TimePoint> EarlyEnds::arrival(const AVPacket& packet) {
  return io_ ? io_->arrival(packet.pos) : std::nullopt;
}

}  // namespace freshframe::media

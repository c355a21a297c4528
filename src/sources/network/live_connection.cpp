// Connects to a network source with FFmpeg, within the time limit, and returns its packets with their
// metadata.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/live_connection.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <utility>

#include "core/real_deadline.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/stream/key_gate.hpp"
#include "media/stream/reconnect.hpp"
#include "media/stream/resolver.hpp"
#include "media/stream/stream_errors.hpp"

#include <libavformat/avformat.h>

namespace freshframe::media {

namespace {

constexpr int kMostDamagedPacketsInRow = 100;

/// Uses the real clock: FFmpeg and the network do not wait for a simulated clock (see Interrupt).
TimePoint in(double seconds) {
  return core::real_deadline(Seconds(seconds));
}

bool is_key(const AVPacket& packet, AVCodecID codec) {
  if (codec == AV_CODEC_ID_VP9 && packet.size > 0) {
    return is_vp9_key({packet.data, static_cast<std::size_t>(packet.size)});
  }
  return (packet.flags & AV_PKT_FLAG_KEY) != 0;
}

bool is_intra_only(AVCodecID codec) {
  const auto* description = avcodec_descriptor_get(codec);
  return description != nullptr && (description->props & AV_CODEC_PROP_INTRA_ONLY) != 0;
}

/// Uses the flags that FFmpeg's demuxer and parser have set.
PictureNotes make_notes(const AVPacket& packet, AVCodecID codec) {
  const bool alone = is_intra_only(codec);
  const Refresh other = is_key(packet, codec) ? Refresh::Point : Refresh::None;
  return {.torn = (packet.flags & AV_PKT_FLAG_CORRUPT) != 0,
          .reference = !alone,
          .refresh = alone ? Refresh::All : other};
}

/// Codecs for which FFmpeg's RTSP parser assembles packets into frames.
bool is_parsed(AVCodecID codec) {
  return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC || codec == AV_CODEC_ID_MPEG4;
}

/// FFmpeg 5.1 to 7.1 attach the side data of the following packet to a frame. Version 9 does not.
bool parser_is_one_late() {
  return AV_VERSION_MAJOR(avformat_version()) < 63;
}

/// Reads the wall-clock time, which FFmpeg derives from the last RTCP sender report.
std::optional<double> read_wall_time(const AVPacket& packet) {
#if LIBAVCODEC_VERSION_MAJOR >= 60
  std::size_t size = 0;
#else
  size_t size = 0;
#endif
  const auto* data = av_packet_get_side_data(&packet, AV_PKT_DATA_PRFT, &size);
  if (data == nullptr || size < sizeof(AVProducerReferenceTime)) return std::nullopt;
  AVProducerReferenceTime time{};
  std::memcpy(&time, data, sizeof time);
  return static_cast<double>(time.wallclock) / 1e6;
}

}  // namespace

LiveConnection::LiveConnection(const SourceUrl& url, const OpenOptions& options, const Context& context,
                               std::optional<DetachedCall>& aside, const Shared& shared)
    : url_(url.masked),
      options_(options),
      book_(context.counters.source()),
      aside_(aside),
      deadline_(in(options.open_timeout)),
      stop_(context.stop),
      input_(std::make_shared<LiveInput>(url, options, context.stop, shared)) {
  const auto place = target(url.live);
  book_.enter(SourceState::Connecting);
  check_open(!aside_ ||
             aside_->wait(deadline_, stop_));  // an earlier attempt may still be resolving the host name
  open(place);
  producer_times_ = ProducerTimes(is_parsed(decoder().context().codec_id) && parser_is_one_late());
  check_pace();
  reader_ = reader_for({.input = input_,
                        .aside = aside_,
                        .book = book_,
                        .stop = stop_,
                        .pace = options.pace,
                        .keeps_thread = input_->is_over_tls()});
  interval_.begin_stream(context.clock.now());
}

std::optional<PacketNotes> LiveConnection::next(AVPacket& packet, const Context& context) {
  const double enough = std::max(0.0, Seconds(lasts_until_ - std::chrono::steady_clock::now()).count());
  const auto quiet = in(enough + quiet_limit(interval_.seconds(), options_.read_timeout));
  const auto deadline = in(enough + options_.read_timeout);
  for (;;) {
    auto read = reader_->next(quiet, deadline);
    if (stop_.stop_requested()) return std::nullopt;
    if (!read || input_->interrupt().timed_out())
      throw_no_video(url_, options_.read_timeout, input_->trouble());
    if (read->result < 0) {
      check_result(read->result, context);
      continue;
    }
    const auto early = read->due - std::chrono::steady_clock::now();
    if (!context.clock.sleep_until(context.clock.now() + early, stop_)) return std::nullopt;
    note_packet(*read, context);
    av_packet_unref(&packet);
    av_packet_move_ref(&packet, read->packet.get());
    const bool begins = is_key(packet, decoder().context().codec_id);
    if (begins) packet.flags |= AV_PKT_FLAG_KEY;  // FFmpeg's RTP reader does not flag keyframes of VP9
    const auto by_clock = [ahead = context.clock.now() - std::chrono::steady_clock::now()](TimePoint real) {
      return real + ahead;
    };
    return PacketNotes{.arrived = by_clock(read->arrived),
                       .ended = read->ended ? std::optional(by_clock(*read->ended)) : std::nullopt,
                       .arrived_is_end = read->arrived_is_end,
                       .waited = read->waited,
                       .late = read->late,
                       .can_begin = begins,
                       .program_time = read->program_time,
                       .report = producer_times_.add(input_->seconds(packet.pts), read_wall_time(packet)),
                       .picture = take_notes(packet, read->picture)};
  }
}

std::string LiveConnection::target(const core::LiveUrl& url) {
  if (url.host.empty() || is_address(url.host)) return url.text;
  book_.enter(SourceState::Resolving);
  const auto answer = resolve_host(url.host, deadline_, stop_);
  check_stop();
  if (!answer) throw_no_address_in_time(url_, url.host, options_.open_timeout);
  if (!url.may_use_address()) return url.text;  // a proxy may resolve names that this machine cannot
  if (answer->addresses.empty()) {
    throw SourceError("cannot open '" + url_ + "': the address of " + host_text(url_, url.host) +
                          " was not found: " + answer->error,
                      url_, EHOSTUNREACH);
  }
  return answer->addresses.size() == 1 ? url.at(answer->addresses.front()) : url.text;
}

void LiveConnection::open(const std::string& target) {
  begin_call(aside_, [input = input_, target, deadline = deadline_] { input->open(target, deadline); });
  check_open(has_ended(*aside_, deadline_, stop_));
}

void LiveConnection::check_pace() const {
  if (options_.pace == Pace::Even || input_->is_bursty()) return;
  throw SourceRefused(
      "cannot open '" + url_ + "': it is " + info().container +
          ", not HLS: pace=\"burst\" is for playlists, whose segments arrive in bursts; leave it out",
      url_, EINVAL);
}

void LiveConnection::check_result(int result, const Context& context) {
  if (const auto why = input_->failure(); !why.empty()) {
    context.counters.drop(NodeDropCause::Decode);
    lose(why, EMSGSIZE);
  }
  if (const auto why = input_->other_beginning(); result != AVERROR_INVALIDDATA && !why.empty())
    lose(why, ECONNRESET);
  if (result == AVERROR_EOF) {
    if (input_->is_over()) throw StreamOver("'" + url_ + "' has ended", url_, ENODATA);
    lose("the server ended the stream or closed the connection", ECONNRESET);
  }
  if (result != AVERROR_INVALIDDATA) lose(input_->reason(result), ffmpeg_errno(result));
  context.counters.drop(NodeDropCause::Decode);
  after_loss_ = true;
  if (++damaged_in_row_ > kMostDamagedPacketsInRow) lose("it sends only damaged packets", EBADMSG);
}

PictureNotes LiveConnection::take_notes(const AVPacket& packet, const std::optional<PictureNotes>& known) {
  auto notes = known ? *known : make_notes(packet, decoder().context().codec_id);
  notes.after_loss = std::exchange(after_loss_, false) || notes.after_loss;
  notes.time = input_->seconds(packet.pts);
  return notes;
}

void LiveConnection::note_packet(const ReadPacket& read, const Context& context) {
  const auto ahead = read.lasts_until - std::chrono::steady_clock::now();
  interval_.note(context.clock.now() + std::max(ahead, std::chrono::steady_clock::duration::zero()));
  lasts_until_ = read.lasts_until;
  damaged_in_row_ = 0;
  book_.flow();
}

void LiveConnection::check_stop() const {
  if (stop_.stop_requested()) throw_stopped(url_);
}

void LiveConnection::check_open(bool in_time) const {
  check_stop();
  if (!in_time) throw_not_opened(url_, options_.open_timeout);
}

void LiveConnection::lose(const std::string& why, int code) const {
  throw SourceError("lost '" + url_ + "': " + why, url_, code);
}

}  // namespace freshframe::media

// Makes the connections of a live source: by freshframe's own RTSP, or by FFmpeg.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/connector.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#include "core/real_deadline.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "media/live/packet_interval.hpp"
#include "media/live/reconnect.hpp"
#include "media/masked_url.hpp"
#include "media/network/address/resolver.hpp"
#include "media/network/input/input.hpp"
#include "media/network/packets/packet_reader.hpp"
#include "media/network/stream/key_decoding.hpp"
#include "media/network/stream/producer_times.hpp"
#include "media/rtsp/client_options.hpp"
#include "media/stream_errors.hpp"

#include <libavformat/avformat.h>

namespace freshframe::media {

namespace {

// One connection to a network source over FFmpeg: from its name to the packets of its video stream.

constexpr int kMostDamagedPacketsInRow = 100;

/// FFmpeg and the network do not wait for a simulated clock (see Interrupt).
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

/// By the flags that FFmpeg's demuxer and parser have set.
PictureNotes notes_of(const AVPacket& packet, AVCodecID codec) {
  const bool alone = is_intra_only(codec);
  const Refresh other = is_key(packet, codec) ? Refresh::Point : Refresh::None;
  return {.torn = (packet.flags & AV_PKT_FLAG_CORRUPT) != 0,
          .reference = !alone,
          .refresh = alone ? Refresh::All : other};
}

/// The codecs of RTSP whose packets FFmpeg's parser joins to pictures.
bool is_parsed(AVCodecID codec) {
  return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC || codec == AV_CODEC_ID_MPEG4;
}

/// Whether FFmpeg's parser gives a picture the side data of the packet after it: seen with FFmpeg 5.1 to 7.1, not with 9.
bool parser_is_one_late() {
  return AV_VERSION_MAJOR(avformat_version()) < 63;
}

/// By the last sender report of RTCP.
std::optional<double> wall_time_of(const AVPacket& packet) {
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

/// One thread. Blocks in the constructor and in next() until the server delivers, the time limit passes or
/// the pipeline stops. FFmpeg resolves names when it connects, which cannot be interrupted: see reader_for().
class LiveConnection final : public PacketConnection {
 public:
  /// What all connections of a source share.
  struct Shared {
    std::shared_ptr<core::SessionGate> gate;  // is asked before and after it connects; null: no gate
    std::shared_ptr<std::atomic<bool>> believes_stuffing;  // as for EarlyEnds
  };

  /// Throws SourceError, SourceTimeout, SourceRefused; after a stop a SourceError, which is ignored.
  LiveConnection(const LiveUrl& url, const OpenOptions& options, const Context& context,
                 std::optional<DetachedCall>& aside, const Shared& shared)
      : url_(mask_passwords(url.text)),
        options_(options),
        book_(context.counters.source()),
        aside_(aside),
        deadline_(in(options.open_timeout)),
        stop_(context.stop),
        input_(
            std::make_shared<LiveInput>(url, options, context.stop, shared.gate, shared.believes_stuffing)) {
    check_gate();
    const auto place = target(url);
    book_.enter(SourceState::Connecting);
    check_open(!aside_ ||
               aside_->wait(deadline_, stop_));  // an earlier attempt may still wait for a name server
    open(place);
    producer_times_ = ProducerTimes(is_parsed(decoder().context().codec_id) && parser_is_one_late());
    check_pace();
    reader_ =
        reader_for({.input = input_, .aside = aside_, .book = book_, .stop = stop_, .pace = options.pace});
    interval_.begin(context.clock.now());
  }
  LiveConnection(const LiveConnection&) = delete;
  LiveConnection& operator=(const LiveConnection&) = delete;
  ~LiveConnection() override = default;

  [[nodiscard]] std::optional<PacketNotes> next(AVPacket& packet, const Context& context) override {
    const double enough = std::max(0.0, Seconds(lasts_until_ - std::chrono::steady_clock::now()).count());
    const auto quiet = in(enough + quiet_limit(interval_.seconds(), options_.read_timeout));
    const auto deadline = in(enough + options_.read_timeout);
    for (;;) {
      auto read = reader_->next(quiet, deadline);
      if (stop_.stop_requested()) return std::nullopt;
      check_gate();
      if (!read || input_->interrupt().timed_out()) throw_no_video(url_, options_.read_timeout);
      if (read->result < 0) {
        check_result(read->result, context);
        continue;
      }
      const auto early = read->due - std::chrono::steady_clock::now();
      if (!context.clock.sleep_until(context.clock.now() + early, stop_)) return std::nullopt;
      note_packet(*read, context);
      av_packet_unref(&packet);
      av_packet_move_ref(&packet, read->packet.get());
      return PacketNotes{.arrived = context.clock.now() - (std::chrono::steady_clock::now() - read->arrived),
                         .can_begin = is_key(packet, decoder().context().codec_id),
                         .program_time = read->program_time,
                         .report = producer_times_.add(input_->seconds(packet.pts), wall_time_of(packet)),
                         .picture = take_notes(packet, read->picture)};
    }
  }

  [[nodiscard]] Decoder& decoder() noexcept override { return input_->decoder(); }
  [[nodiscard]] const VideoInfo& info() const noexcept override { return input_->info(); }
  [[nodiscard]] Turn turn() const noexcept override { return input_->turn(); }
  [[nodiscard]] std::optional<double> seconds(std::int64_t ticks) const override {
    return input_->seconds(ticks);
  }
  [[nodiscard]] bool is_timeless() const override { return input_->is_timeless(); }
  [[nodiscard]] bool is_bursty() const override { return input_->is_bursty(); }
  [[nodiscard]] double wrap() const override { return std::ldexp(input_->seconds(1).value_or(0), 32); }

 private:
  [[nodiscard]] std::string target(const LiveUrl& url) {
    if (url.host.empty() || is_address(url.host)) return url.text;
    book_.enter(SourceState::Resolving);
    const auto answer = resolve_host(url.host, deadline_, stop_);
    check_stop();
    if (!answer) throw_no_address_in_time(url_, url.host, options_.open_timeout);
    if (!url.may_use_address()) return url.text;  // a proxy may resolve a name that this machine cannot
    if (answer->addresses.empty()) {
      throw SourceError("cannot open '" + url_ + "': the address of " + host_text(url_, url.host) +
                            " was not found: " + answer->error,
                        url_, EHOSTUNREACH);
    }
    return answer->addresses.size() == 1 ? url.at(answer->addresses.front()) : url.text;
  }
  void open(const std::string& target) {
    aside_.emplace([input = input_, target, deadline = deadline_] { input->open(target, deadline); });
    check_open(has_ended(*aside_, deadline_, stop_));
  }
  void check_pace() const {
    if (options_.pace == Pace::Even || input_->is_bursty()) return;
    throw SourceRefused(
        "cannot open '" + url_ + "': it is " + info().container +
            ", not HLS: pace=\"burst\" is for playlists, whose segments come at once; leave it out",
        url_, EINVAL);
  }
  void check_result(int result, const Context& context) {
    if (const auto why = input_->failure(); !why.empty()) {
      context.counters.drop(NodeDropCause::Decode);
      lose(why, EMSGSIZE);
    }
    if (result == AVERROR_EOF) {
      if (input_->is_over()) throw StreamOver("'" + url_ + "' is over", url_, ENODATA);
      lose("the server ended the stream or closed the connection", ECONNRESET);
    }
    if (result != AVERROR_INVALIDDATA) lose(ffmpeg_text(result), ffmpeg_errno(result));
    context.counters.drop(NodeDropCause::Decode);
    after_loss_ = true;
    if (++damaged_in_row_ > kMostDamagedPacketsInRow) lose("it sends only damaged packets", EBADMSG);
  }
  [[nodiscard]] PictureNotes take_notes(const AVPacket& packet, const std::optional<PictureNotes>& known) {
    auto notes = known ? *known : notes_of(packet, decoder().context().codec_id);
    notes.after_loss = std::exchange(after_loss_, false) || notes.after_loss;
    notes.time = input_->seconds(packet.pts);
    return notes;
  }
  void note_packet(const ReadPacket& read, const Context& context) {
    const auto ahead = read.lasts_until - std::chrono::steady_clock::now();
    interval_.note(context.clock.now() + std::max(ahead, std::chrono::steady_clock::duration::zero()));
    lasts_until_ = read.lasts_until;
    damaged_in_row_ = 0;
    book_.flow();
  }
  void check_stop() const {
    if (stop_.stop_requested()) throw_stopped(url_);
    check_gate();
  }
  void check_gate() const {
    if (input_->interrupt().shut_out()) throw_shut_out(url_);
  }
  void check_open(bool in_time) const {
    check_stop();
    if (!in_time) throw_not_opened(url_, options_.open_timeout);
  }
  [[noreturn]] void lose(const std::string& why, int code) const {
    throw SourceError("lost '" + url_ + "': " + why, url_, code);
  }

  const std::string url_;  // password masked: for messages
  const OpenOptions& options_;
  SourceCounters& book_;
  std::optional<DetachedCall>& aside_;  // one call at a time; its owner outlives this connection
  const TimePoint deadline_;            // real time, of the opening
  const std::stop_token stop_;
  std::shared_ptr<LiveInput> input_;  // shared with the detached call
  std::unique_ptr<PacketReader> reader_;
  ProducerTimes producer_times_;
  bool after_loss_ = false;  // a packet could not be read
  int damaged_in_row_ = 0;
  PacketInterval interval_;
  TimePoint lasts_until_{};  // real time: what has come of a playlist is enough until then
};

/// The URL for FFmpeg: with the only address of its host, so that FFmpeg looks nothing up. If the host has
/// several, FFmpeg must look them up itself: then it tries one after the other, 0.2 s apart, and takes the
/// first that answers (RFC 8305).

/// FFmpeg (up to 7.1) does not know that the timestamps of RTP have 32 bits.

/// `known`: of a packet that FFmpeg's parser has not seen.

/// Throws, unless it is a damaged packet, which is counted.

/// The packets of a burst count at their own distances.

/// RTSP over TLS, and options that only FFmpeg's RTSP may know, are FFmpeg's.
rtsp::Client client_for(const LiveUrl& url, const OpenOptions& options) {
  if (url.scheme != "rtsp") return rtsp::Client::Ffmpeg;
  const auto given = rtsp::read_client_options(options.options);
  return given.client == rtsp::Client::Any && !given.unknown.empty() ? rtsp::Client::Ffmpeg : given.client;
}

OpenOptions options_for_ffmpeg(const LiveUrl& url, OpenOptions options) {
  if (url.scheme == "rtsp") options.options.erase(rtsp::kClientOption);
  return options;
}

}  // namespace

Connector::Connector(const LiveUrl& url, OpenOptions options, std::shared_ptr<core::SessionGate> gate)
    : url_(url),
      own_options_(std::move(options)),
      options_(options_for_ffmpeg(url, own_options_)),
      gate_(std::move(gate)),
      choice_(client_for(url, own_options_)) {}

std::unique_ptr<PacketConnection> Connector::connect(const Context& context) {
  if (!gate_) gate_ = core::gate_of_thread();
  auto connection = choice_.is_own() ? connect_own(context) : connect_over_ffmpeg(context);
  is_connected_ = true;
  has_frame_ = false;
  return connection;
}

/// FFmpeg's client has its turn in the same attempt, since without `reconnect` there is no other.
std::unique_ptr<PacketConnection> Connector::connect_own(const Context& context) {
  try {
    return std::make_unique<rtsp::Connection>(url_, own_options_, context, memory_, gate_);
  } catch (const SourceError& error) {
    why_ = error.what();
    if (!memory_.trouble || !choice_.note_failure(memory_.trouble)) throw;
  }
  log(LogLevel::Info, why_ + "; FFmpeg's RTSP is tried");
  try {
    return connect_over_ffmpeg(context);
  } catch (const SourceRefused&) {
    throw;
  } catch (const SourceTimeout& error) {
    throw SourceTimeout(why_ + "; FFmpeg's RTSP: " + error.what(), error.url(), error.code());
  } catch (const SourceError& error) {
    throw SourceError(why_ + "; FFmpeg's RTSP: " + error.what(), error.url(), error.code());
  }
}

std::unique_ptr<PacketConnection> Connector::connect_over_ffmpeg(const Context& context) {
  try {
    return std::make_unique<LiveConnection>(url_, options_, context, aside_,
                                            LiveConnection::Shared{gate_, believes_stuffing_});
  } catch (const SourceError&) {
    static_cast<void>(choice_.note_failure(std::nullopt));
    throw;
  }
}

void Connector::note_frame() {
  if (std::exchange(has_frame_, true)) return;
  if (!choice_.note_frame()) return;
  log(LogLevel::Warning,
      "'" + mask_passwords(url_.text) +
          "' is read by FFmpeg's RTSP, one frame interval late, since freshframe's own failed: " +
          (why_.empty() ? "it gave no frame" : why_) + "; please report this camera");
}

void Connector::note_end() {
  if (!std::exchange(is_connected_, false) || has_frame_) return;
  static_cast<void>(choice_.note_failure(choice_.is_own() ? memory_.trouble : std::nullopt));
}

}  // namespace freshframe::media

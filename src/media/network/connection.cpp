// One connection to a network source over FFmpeg: from its name to the packets of its video stream.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/connection.hpp"

#include "freshframe/error.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "core/real_deadline.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/live/stall_limit.hpp"
#include "media/masked_url.hpp"
#include "media/network/resolver.hpp"
#include "media/network/stream/key_gate.hpp"
#include "media/network/stream_errors.hpp"

namespace freshframe::media {
namespace {

constexpr int kMostDamagedPacketsInRow = 100;
constexpr double kNap = 0.002;  // seconds, when FFmpeg has no packet and does not wait
/// Seconds after a stop or a limit until the detached call is left behind: FFmpeg polls every 0.1 s.
constexpr double kPatience = 0.12;

/// FFmpeg and the network do not wait for a simulated clock (see Interrupt).
TimePoint in(double seconds) {
  return core::real_deadline(Seconds(seconds));
}

/// The next packet of the video, or an error.
ReadPacket read_video(LiveInput& input, const PacketQueue& queue) {
  for (;;) {
    const int result = input.read();
    const auto now = std::chrono::steady_clock::now();
    if (result == AVERROR(EAGAIN) && !queue.is_closed()) {
      std::this_thread::sleep_for(Seconds(kNap));
    } else if (result < 0) {
      return {.result = result, .arrived = now};
    } else if (input.is_of_video(input.packet())) {
      ReadPacket read{.packet = make_av_packet(), .arrived = now};
      av_packet_move_ref(read.packet.get(), &input.packet());
      const auto ticks = read.packet->dts != AV_NOPTS_VALUE ? read.packet->dts : read.packet->pts;
      read.time = input.seconds(ticks).value_or(0);
      return read;
    }
  }
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

Refresh refresh_of(const AVPacket& packet, AVCodecID codec) {
  if (is_intra_only(codec)) return Refresh::All;
  return is_key(packet, codec) ? Refresh::Point : Refresh::None;
}

/// RTCP sender reports: FFmpeg attaches the time of the first packet after each.
std::optional<double> wall_clock_of(const AVPacket& packet) {
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

LiveConnection::LiveConnection(const LiveUrl& url, const OpenOptions& options, const Context& context,
                               std::optional<DetachedCall>& aside,
                               const std::shared_ptr<core::SessionGate>& gate)
    : url_(mask_passwords(url.text)),
      options_(options),
      book_(context.counters.source()),
      aside_(aside),
      deadline_(in(options.open_timeout)),
      stop_(context.stop),
      input_(std::make_shared<LiveInput>(url, options, context.stop, gate)) {
  check_gate();
  const auto place = target(url);
  book_.enter(SourceState::Connecting);
  check_open(!aside_ ||
             aside_->wait(deadline_, stop_));  // an earlier attempt may still wait for a name server
  open(place);
  reads_aside_ = input_->connects_again();
  if (!reads_aside_) aside_.reset();
  interval_.begin(context.clock.now());
}

LiveConnection::~LiveConnection() {
  if (!queue_) return;
  queue_->close();
  input_->interrupt().abandon();
  if (aside_) static_cast<void>(aside_->wait(in(kPatience), {}));
}

/// The URL for FFmpeg: with the only address of its host, so that FFmpeg looks nothing up. If the host has
/// several, FFmpeg must look them up itself: then it tries one after the other, 0.2 s apart, and takes the
/// first that answers (RFC 8305).
std::string LiveConnection::target(const LiveUrl& url) {
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

void LiveConnection::open(const std::string& target) {
  aside_.emplace([input = input_, target, deadline = deadline_] { input->open(target, deadline); });
  check_open(has_ended(deadline_));
}

/// Whether the detached call has ended by a little after `deadline` or a stop. Throws its exception.
bool LiveConnection::has_ended(TimePoint deadline) const {
  if (!aside_->wait(deadline, stop_) && !aside_->wait(in(kPatience), {})) return false;
  aside_->check();
  return true;
}

std::optional<PacketNotes> LiveConnection::next(AVPacket& packet, const Context& context) {
  const auto quiet = in(quiet_limit(interval_.seconds(), options_.read_timeout));
  const auto deadline = in(options_.read_timeout);
  if (is_bursty() && !queue_) read_ahead();
  for (;;) {
    const auto result = queue_ ? take(quiet, deadline) : read(quiet, deadline);
    if (stop_.stop_requested()) return std::nullopt;
    check_gate();
    if (!result || input_->interrupt().timed_out()) throw_no_video(url_, options_.read_timeout);
    if (*result == AVERROR(EAGAIN)) {
      if (!context.clock.sleep_until(context.clock.now() + to_duration(Seconds(kNap)), stop_)) {
        return std::nullopt;
      }
    } else if (*result == AVERROR_INVALIDDATA) {
      context.counters.drop(NodeDropCause::Decode);
      after_loss_ = true;
      if (++damaged_in_row_ > kMostDamagedPacketsInRow) lose("it sends only damaged packets", EBADMSG);
    } else if (*result == AVERROR_EOF) {
      if (input_->is_over()) throw StreamOver("'" + url_ + "' is over", url_, ENODATA);
      lose("the server ended the stream or closed the connection", ECONNRESET);
    } else if (*result < 0) {
      lose(ffmpeg_text(*result), ffmpeg_errno(*result));
    } else if (queue_ || input_->is_of_video(input_->packet())) {
      if (queue_ && !wait_until_due(context)) return std::nullopt;
      note_packet(context);
      av_packet_unref(&packet);
      av_packet_move_ref(&packet, queue_ ? taken_.packet.get() : &input_->packet());
      const auto codec = decoder().context().codec_id;
      return PacketNotes{.arrived = queue_ ? arrival(context) : interval_.last(),
                         .can_begin = is_key(packet, codec),
                         .wall_clock = wall_clock_of(packet),
                         .picture = {.torn = (packet.flags & AV_PKT_FLAG_CORRUPT) != 0,
                                     .after_loss = std::exchange(after_loss_, false),
                                     .reference = !is_intra_only(codec),
                                     .refresh = refresh_of(packet, codec),
                                     .time = input_->seconds(packet.pts)}};
    }
  }
}

/// FFmpeg's return code; nullopt: the call has not returned.
std::optional<int> LiveConnection::read(TimePoint quiet, TimePoint deadline) {
  input_->interrupt().arm_at(deadline);
  if (!reads_aside_) {
    input_->interrupt().tell_stall(book_, quiet);
    return input_->read();
  }
  const auto result = std::make_shared<int>(0);
  aside_.emplace([input = input_, result] { *result = input->read(); });
  if (!aside_->wait(quiet, stop_) && !stop_.stop_requested()) book_.stall();
  if (!has_ended(deadline)) return std::nullopt;
  return *result;
}

/// Starts the thread that reads until the connection is lost or closed.
void LiveConnection::read_ahead() {
  queue_ = std::make_shared<PacketQueue>();
  input_->interrupt().disarm();  // next() has the limits
  aside_.emplace([input = input_, queue = queue_] {
    bool lost = false;
    while (!lost) {
      ReadPacket read = read_video(*input, *queue);
      lost = read.result < 0 && read.result != AVERROR_INVALIDDATA;
      if (!queue->push(std::move(read))) return;
    }
  });
}

/// As read(), from the thread that reads ahead.
std::optional<int> LiveConnection::take(TimePoint quiet, TimePoint deadline) {
  auto read = queue_->pop(quiet, stop_);
  if (!read && !stop_.stop_requested()) {
    book_.stall();
    read = queue_->pop(deadline, stop_);
  }
  if (!read) return std::nullopt;
  taken_ = *std::move(read);
  return taken_.result;
}

/// False: stopped.
bool LiveConnection::wait_until_due(const Context& context) const {
  const auto wait = taken_.due - std::chrono::steady_clock::now();
  return context.clock.sleep_until(context.clock.now() + wait, stop_);
}

/// Of the packet taken, by the context's clock.
TimePoint LiveConnection::arrival(const Context& context) const {
  return context.clock.now() - (std::chrono::steady_clock::now() - taken_.arrived);
}

void LiveConnection::note_packet(const Context& context) {
  interval_.note(context.clock.now());
  damaged_in_row_ = 0;
  book_.flow();
}

void LiveConnection::check_stop() const {
  if (stop_.stop_requested()) throw_stopped(url_);
  check_gate();
}

void LiveConnection::check_gate() const {
  if (input_->interrupt().shut_out()) throw_shut_out(url_);
}

void LiveConnection::check_open(bool in_time) const {
  check_stop();
  if (!in_time) throw_not_opened(url_, options_.open_timeout);
}

void LiveConnection::lose(const std::string& why, int code) const {
  throw SourceError("lost '" + url_ + "': " + why, url_, code);
}

}  // namespace freshframe::media

// Connects to a camera with freshframe's own RTSP client. Delivers frames as soon as their last packet
// arrives.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/connection.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <string_view>
#include <utility>

#include "core/ascii.hpp"
#include "core/real_deadline.hpp"
#include "media/ffmpeg/error.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/stream/reconnect.hpp"
#include "media/stream/resolver.hpp"
#include "media/stream/stream_errors.hpp"
#include "platform/thread.hpp"
#include "sources/rtsp/protocol/address.hpp"

namespace freshframe::media::rtsp {
namespace {

constexpr int kUsualClock = 90000;  // RTP clock rate of video: RFC 3551, section 5

/// Uses the real clock: the network does not wait for a simulated clock.
TimePoint after(double seconds) {
  return core::real_deadline(Seconds(seconds));
}

Address make_address(const core::LiveUrl& url) {
  auto address = parse_address(url.text);
  if (!address) throw Fault(Trouble::Dialogue, "its URL is not a valid RTSP URL");
  return *std::move(address);
}

/// Detects decoding order numbers from the parameters of H.265 (RFC 7798, 7.1).
bool has_order_numbers(std::string_view format) {
  for (const std::string_view name : {"sprop-max-don-diff=", "sprop-depack-buf-nalus="}) {
    const auto at = format.find(name);
    if (at != std::string_view::npos &&
        core::number_at(format.substr(at + name.size()), 32767).value_or(0) > 0)
      return true;
  }
  return false;
}

PacketNotes make_notes(const Picture& picture) {
  return {.arrived = picture.arrived,
          .ended = picture.ended,
          .can_begin = picture.key,
          .report = picture.report,
          .picture = picture.notes,
          .missing = picture.missing,
          .dropped = picture.dropped,
          .ends_by = picture.by_marker ? "marker" : "timestamp"};
}

SessionOptions session_options(const ClientOptions& client, const Memory& memory) {
  auto options = client.session;
  if (memory.udp_fails) options.transport = Transport::TcpThenUdp;
  options.swaps_keep_alive = memory.keep_alive.is_swapped();
  return options;
}

}  // namespace

Connection::Connection(const SourceUrl& url, const OpenOptions& options, const Context& context,
                       const Shared& shared)
    : url_(url.masked),
      secrets_(url.live.text),
      options_(options),
      client_(read_client_options(options.options)),
      clock_(context.clock),
      counters_(context.counters),
      memory_(shared.memory),
      kept_(shared.kept),
      stop_(context.stop),
      waiter_(ending_.get_token()),
      on_stop_(context.stop, [this] { ending_.request_stop(); }) {
  memory_.trouble.reset();
  try {
    waiter_.check();
    session_ =
        std::make_unique<Session>(make_address(url.live), session_options(client_, memory_), waiter_, clock_);
    open(after(options.open_timeout));
  } catch (const Fault& fault) {
    fail(fault, "cannot open");
  }
  interval_.begin_stream(clock_.now());
  played_ = clock_.now();
  reader_ = std::jthread([this] { read(); });
}

Connection::~Connection() {
  ending_.request_stop();
  if (reader_.joinable()) reader_.join();
  if (!maker_) return;
  memory_.markers = maker_->ends().trust();
  const auto& counts = order_->counts();
  memory_.counts.received += counts.received;
  memory_.counts.lost += counts.lost;
  memory_.counts.late += counts.late;
  memory_.marker_faults += static_cast<std::uint64_t>(maker_->ends().faults());
}

void Connection::open(TimePoint deadline) {
  session_->open([&](const std::string& host) { return resolve(host, deadline); },
                 [&](const Description& description) { return choose(description); }, deadline);
  media_ = session_->media();
  if (media_.clock <= 0) media_.clock = kUsualClock;
  depacketiser_ = ffmpeg_depacketiser(media_);
  make_decoder();
  describe();
  order_.emplace(session_->over_udp());
  reception_.emplace(media_.clock);
  maker_.emplace(
      PictureMaker::Stream{.codec = find_codec(media_.encoding).value(),  // choose() accepts no other
                           .clock = media_.clock,
                           .trust = memory_.markers,
                           .has_order_numbers = has_order_numbers(media_.format),
                           .rate = media_.rate},
      *depacketiser_, [this](Picture picture) { put(std::move(picture)); });
  session_->play(deadline);
}

std::vector<std::string> Connection::resolve(const std::string& host, TimePoint deadline) {
  auto& book = counters_.source();
  if (is_address(host)) return {host};
  book.enter(SourceState::Resolving);
  const auto answer = resolve_host(host, deadline, stop_);
  waiter_.check();
  if (!answer) {
    memory_.trouble = Trouble::Late;
    throw_no_address_in_time(url_, host, options_.open_timeout);
  }
  if (answer->addresses.empty()) {
    throw Fault(Trouble::Unreachable,
                "the address of " + host_text(url_, host) + " was not found: " + answer->error, EHOSTUNREACH);
  }
  book.enter(SourceState::Connecting);
  return answer->addresses;
}

/// Chooses the first video whose payload format is supported.
std::size_t Connection::choose(const Description& description) const {
  std::string kinds;
  for (std::size_t i = 0; i < description.media.size(); ++i) {
    const auto& one = description.media[i];
    const bool known = find_codec(one.encoding).has_value();
    if (one.kind == "video" && known && !one.encrypted) return i;
    kinds += (kinds.empty() ? "" : ", ") +
             visible_text(one.kind + " " + (one.encoding.empty() ? "of unknown encoding" : one.encoding)) +
             (one.encrypted ? " (encrypted)" : "");
  }
  throw Fault(Trouble::Dialogue, "it has no video that freshframe's RTSP client can read; it contains " +
                                     (kinds.empty() ? "nothing" : kinds));
}

/// Uses the parameter sets of the SDP. If the decoder rejects them, those in the stream must do.
void Connection::make_decoder() {
  const AVRational ticks{1, media_.clock};
  decoder_ = kept_.take(depacketiser_->parameters(), ticks);
  if (decoder_) return;  // an earlier connection has checked the options
  const DecoderSettings settings{.threads = options_.decoder_threads.value_or(1),
                                 .low_delay = true,
                                 .wish = DecoderWish::read_options(options_)};
  Dictionary options(client_.decoder);
  try {
    decoder_ = std::make_unique<Decoder>(depacketiser_->parameters(), ticks, settings, options);
  } catch (const CardRefused& refused) {
    throw SourceRefused("cannot open '" + url_ + "': " + refused.what(), url_, ENOTSUP);
  } catch (const Error& error) {
    const CodecParametersPtr bare(avcodec_parameters_alloc());
    if (!bare) throw std::bad_alloc();
    bare->codec_type = AVMEDIA_TYPE_VIDEO;
    bare->codec_id = depacketiser_->parameters().codec_id;
    options = Dictionary(client_.decoder);
    try {
      decoder_ = std::make_unique<Decoder>(*bare, ticks, settings, options);
    } catch (const Error&) {
      throw Fault(Trouble::Dialogue, error.what());
    }
  }
  const auto unknown = options.leftovers() + client_.unknown;
  if (unknown.empty()) return;
  throw SourceRefused(unknown_option_text(url_, "rtsp", decoder_->context().codec->name, unknown), url_,
                      EINVAL);
}

void Connection::describe() {
  info_.codec = avcodec_get_name(depacketiser_->parameters().codec_id);
  info_.width = options_.width.value_or(0);
  info_.height = options_.height.value_or(0);
  info_.fps = media_.rate;
  info_.container = "rtsp";
  info_.client = "freshframe";
}

void Connection::read() noexcept {
  platform::name_thread("ff rtsp");
  try {
    session_->run(*this);
  } catch (...) {
    if (!waiter_.is_over()) finish_pictures();
    pictures_.end_pictures(std::current_exception());
  }
}

/// Releases packets that still wait for missing earlier ones, because no more packets will arrive.
void Connection::finish_pictures() noexcept {
  try {
    make_pictures(TimePoint::max());
  } catch (const std::exception&) {  // the connection has already ended for another reason
  }
}

Unread Connection::end_packets() {
  ending_.request_stop();
  if (reader_.joinable()) reader_.join();
  auto unread = pictures_.clear();
  unread.lost += maker_->unfinished_count();
  return unread;
}

std::optional<PacketNotes> Connection::next(AVPacket& packet, const Context& context) {
  std::optional<Picture> picture;
  try {
    picture = take_picture(context);
  } catch (const Fault& fault) {
    if (context.stop.stop_requested()) return std::nullopt;
    fail(fault, "lost");
  } catch (const std::exception& error) {
    fail(Fault(Trouble::Dialogue, error.what()), "lost");
  }
  if (context.stop.stop_requested()) return std::nullopt;
  if (!picture) {
    note_end();
    throw_no_video(url_, options_.read_timeout);
  }
  interval_.note(picture->arrived);
  context.counters.source().flow();
  av_packet_unref(&packet);
  av_packet_move_ref(&packet, picture->packet.get());
  return make_notes(*picture);
}

/// Returns nullopt if no frame arrived in time, or after a stop.
std::optional<Picture> Connection::take_picture(const Context& context) {
  auto& book = context.counters.source();
  const auto began = std::chrono::steady_clock::now();
  const auto newest = [&] { return pictures_.newest().value_or(began); };
  const PictureQueue::Offer on_the_way = [&](Picture& picture) {
    book.flow();
    if (!direct_(*picture.packet, make_notes(picture), context)) return false;
    interval_.note(picture.arrived);
    return true;
  };
  const auto& offer = direct_ ? on_the_way : PictureQueue::Offer();
  for (;;) {
    // measured from the last arrival, not from now, because decoding takes time as well
    const auto since = newest();
    const auto deadline = since + to_duration(Seconds(options_.read_timeout));
    const auto quiet = since + to_duration(Seconds(quiet_limit(interval_.seconds(), options_.read_timeout)));
    auto picture = pictures_.take(quiet, context.stop, offer);
    if (!picture && !context.stop.stop_requested() && newest() == since) {
      book.stall();
      picture = pictures_.take(deadline, context.stop, offer);
    }
    if (picture || context.stop.stop_requested() || newest() == since) return picture;
  }
}

std::optional<double> Connection::seconds(std::int64_t ticks) const {
  if (ticks == AV_NOPTS_VALUE) return std::nullopt;
  return static_cast<double>(ticks) / media_.clock;
}

/// Called when the server ends the session or stops sending.
void Connection::note_end() {
  memory_.keep_alive.note_end(interval_.last() - played_, session_->timeout());
}

/// Rethrows the fault as a SourceError.
void Connection::fail(const Fault& fault, const std::string& doing) {
  memory_.trouble = fault.trouble();
  switch (fault.trouble()) {
    case Trouble::Stopped:
      throw_stopped(url_);
    case Trouble::Late:
    case Trouble::Silent:
      throw_not_opened(url_, options_.open_timeout, fault.what());
    case Trouble::NoPackets:
      memory_.udp_fails = true;
      throw SourceTimeoutError(doing + " '" + url_ + "': " + fault.what() + "; the next attempt will use TCP",
                               url_, ETIMEDOUT);
    case Trouble::Lost:
      note_end();
      [[fallthrough]];
    default:
      throw SourceError(doing + " '" + url_ + "': " + fault.what(), url_, fault.code());
  }
}

void Connection::on_packet(Bytes bytes, TimePoint arrived) {
  const auto packet = parse_rtp(bytes);
  if (!packet || packet->payload_type != media_.payload_type) return;
  reception_->note_packet(packet->timestamp, arrived);
  if (const auto lost = order_->pass(packet->sequence, packet->source, arrived))
    return maker_->add(*packet, *lost, arrived);
  order_->add(bytes, packet->sequence, packet->source, arrived);
  make_pictures(arrived);
}

void Connection::make_pictures(TimePoint now) {
  while (const auto ordered = order_->take(now)) {
    const auto packet = parse_rtp(ordered->bytes);
    if (packet) maker_->add(*packet, ordered->lost, ordered->arrived);
  }
}

void Connection::on_report(Bytes bytes, TimePoint arrived) {
  const auto report = parse_rtcp(bytes);
  if (report.sender) {
    reception_->note_report(*report.sender, arrived);
    maker_->note_report(*report.sender);
  }
  const auto& gone = report.goodbyes;
  if (order_->source() && std::ranges::find(gone, *order_->source()) != gone.end()) {
    throw Fault(Trouble::Lost, "the server ended the stream", ECONNRESET);
  }
}

void Connection::on_time(TimePoint now) {
  if (const auto due = order_->due(); due && *due <= now) make_pictures(now);
}

/// Servers that support feedback get a picture loss indication once a second while frames are lost, so that
/// they may send a keyframe.
bool Connection::is_urgent(TimePoint now) const {
  constexpr Seconds kInterval{1};
  return media_.takes_pli && damage_.is_damaged() && order_->source() &&
         (!told_loss_ || now - *told_loss_ >= kInterval);
}

std::vector<std::uint8_t> Connection::report(TimePoint now) {
  note_counts();
  auto bytes = reception_->report(*order_, now);
  if (!is_urgent(now)) return bytes;
  told_loss_ = now;
  reception_->append_loss(*order_, bytes);
  return bytes;
}

void Connection::put(Picture picture) {
  static_cast<void>(damage_.add(picture.notes, picture.arrived));
  const auto dropped = pictures_.put(std::move(picture), clock_.now());
  if (dropped > 0) {
    counters_.drop(NodeDropCause::Device, dropped);
    damage_.lose();
  }
  if (maker_->oversized_count() > oversized_)
    counters_.drop(NodeDropCause::Decode, maker_->oversized_count() - oversized_);
  oversized_ = maker_->oversized_count();
  if (maker_->ends().faults() > faults_) {
    log(LogLevel::Info,
        "'" + url_ + "' marks packets that do not end a frame; its frames now end at the next packet");
  }
  faults_ = maker_->ends().faults();
  note_counts();
}

void Connection::note_counts() {
  const auto& now = order_->counts();
  const auto& before = memory_.counts;
  const auto faults = static_cast<std::uint64_t>(maker_->ends().faults());
  counters_.source().set_packets({.received = before.received + now.received,
                                  .lost = before.lost + now.lost,
                                  .late = before.late + now.late,
                                  .jitter = reception_->jitter(),
                                  .marker_faults = memory_.marker_faults + faults});
}

}  // namespace freshframe::media::rtsp

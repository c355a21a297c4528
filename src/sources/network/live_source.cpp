// A video source on the network that reconnects after outages.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/live_source.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>

#include "core/real_deadline.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/options.hpp"
#include "media/packets/parameters.hpp"
#include "sources/browser/browser_connection.hpp"
#include "sources/live/decoding_place.hpp"

namespace freshframe::media {

LiveSource::LiveSource(SourceUrl url, OpenOptions options)
    : ReconnectingSource(
          "'" + url.masked + "'", make_reconnect(options),
          {.watched = this, .fed = url.kind == UrlKind::Browser ? this : nullptr, .packets = this}),
      url_(std::move(url)),
      options_(std::move(options)),
      feed_(browser::make_feed(url_, options_)),
      connector_(url_, options_, feed_),
      times_(title(), options_.clock_offset),
      wish_(options_.decode == Decode::Keyframes),
      decoding_({.title = title(),
                 .url = url_.masked,
                 .read_timeout = options_.read_timeout,
                 .keys = options_.decode == Decode::Keyframes,
                 .leaves_out = leaves_frames_out(options_.options) || options_.decode == Decode::Keyframes}),
      // the browser was asked for this size
      maker_(feed_ ? std::nullopt : wanted_size(options_), wanted_quarters(options_)),
      still_(title(), options_.frozen_after) {
  times_.timeline().follow(packets_.timeline());
  packets_.follow(times_.timeline());
}

std::unique_ptr<Source<Packet>> LiveSource::packets() {
  return packets_.node(title(), live());
}

void LiveSource::wake(std::optional<double> seconds, std::optional<double> until) {
  if (!decoding_.sleeps())
    throw GraphError(title() + " does not sleep: wake() is for sources opened with decode=\"keyframes\"");
  decoding_.wake(seconds, until);
}

// ---- connections

void LiveSource::open(const Context& context) {
  packet_ = make_av_packet();
  check_known(connector_.options().options, url());  // report wrong options even if the server is down
  begin_card();
  maker_.count_downloads(context.counters.source().downloads());
  ReconnectingSource::open(context);
  auto& book = context.counters.source();
  if (feed_ && book.state() == SourceState::BackingOff) book.enter(SourceState::WaitingSender);
}

NodeReport LiveSource::report(Span /*span*/) const {
  return {.sender = feed_ ? feed_->stats() : std::nullopt};
}

/// A browser may appear at any time, so the source waits for that instead. It also wakes when the browser's
/// page reports another reason why no frames arrive, and now and then to log a reminder.
void LiveSource::back_off(const Context& context) {
  constexpr Seconds kReminder{10};
  if (!feed_) return ReconnectingSource::back_off(context);
  context.counters.source().enter(SourceState::WaitingSender);
  static_cast<void>(feed_->wait_packet(core::real_deadline(kReminder), context.stop));
}

void LiveSource::begin_card() {
  const auto wish = DecoderWish::read_options(options_);
  if (wish.kind != DecoderWish::Kind::Cpu && wish.objection.empty()) card_opening_.emplace(wish.card);
}

/// A missing GPU is not an outage: reconnecting would not help.
void LiveSource::keep_card() {
  if (!card_opening_) return;
  auto found = card_opening_->take();
  card_opening_.reset();
  if (!found.card && DecoderWish::read_options(options_).kind == DecoderWish::Kind::Demand)
    throw SourceRefused("cannot open '" + url() + "': " + CardRefused(found.reason).what(), url(), ENODEV);
  card_ = std::move(found.card);
}

/// The GPU context is created while the connection is being set up.
void LiveSource::connect(const Context& context) {
  try {
    connection_ = connector_.connect(context);
  } catch (const SourceRefused&) {
    throw;
  } catch (...) {
    keep_card();
    throw;
  }
  keep_card();
  times_.connect(connection_->wrap());
  connection_->set_direct([this](AVPacket& packet, const PacketNotes& notes, const Context& of_read) {
    return take_undecoded(packet, notes, of_read);
  });
  const auto now = context.clock.now();
  decoding_.connect({.decoder = &connection_->decoder(),
                     .counts_pictures = connection_->counts_pictures(),
                     .seconds = [this](std::int64_t ticks) { return connection_->seconds(ticks); }},
                    now);
  note_place(connection_->decoder(), url_.masked, context);
  wish_.connect(now);
  sent_damage_ = Damage();
  maker_.set_turn(connection_->turn());
  packets_.connect(connection_->decoder().context(), maker_.orientation());
  context.counters.source().enter(SourceState::WaitingKeyframe);
  if (facts_.connect(connection_->info())) set_info(facts_.info());
}

void LiveSource::disconnect() {
  packets_.disconnect();
  decoding_.disconnect();
  if (connection_ && connection_->decoder().has_card()) connector_.keep(connection_->give_decoder());
  connection_.reset();
  connector_.note_end();
  lost_ = nullptr;
  times_.disconnect();
}

void LiveSource::close() {
  ReconnectingSource::close();
  if (feed_) feed_->end("the pipeline has ended, or the camera was removed from it");
  packets_.close();
  connector_.close();
  packet_.reset();
  card_opening_.reset();
  card_.reset();
}

std::optional<SourceItem<Frame>> LiveSource::next(const Context& context) {
  const auto count_rest = [&] {
    if (!context.stop.stop_requested()) decoding_.end_stream(connection_->end_packets(), context);
  };
  try {
    for (;;) {
      if (auto picture = decoding_.next(context)) return deliver(*std::move(picture), context);
      if (context.stop.stop_requested()) return std::nullopt;
      if (lost_) std::rethrow_exception(lost_);
      if (!read_packet(context)) return std::nullopt;
    }
  } catch (const StreamOver&) {
    count_rest();
    if (options_.reconnect.value_or(false)) throw;  // restart an ended stream only if the user asked for it
    finish();
    return std::nullopt;
  } catch (const CardRefused& refused) {
    count_rest();
    throw SourceError("lost '" + url() + "': " + refused.what(), url(), EIO);
  } catch (...) {
    count_rest();
    throw;
  }
}

// ---- packets

/// Reads a packet from the connection, or notes that it was lost. Returns false after a stop.
bool LiveSource::read_packet(const Context& context) {
  std::optional<PacketNotes> notes;
  try {
    notes = connection_->next(*packet_, context);
  } catch (const SourceError&) {
    lost_ = std::current_exception();
    decoding_.finish();
    return true;
  }
  if (!notes) return false;
  const bool wanted = wish_.decodes(notes->arrived, decoding_.must_begin());
  connection_->set_patient(!wanted || decoding_.catches_up());
  if (!wanted) {
    decoding_.rest(context);
    pass_on(*notes, context);
    return true;
  }
  const auto arrived = arrive(*notes, context);
  if (stays_on_card()) {
    still_.trust_packets();
    if (arrived.notes.can_begin && !arrived.damaged) watch_bytes(arrived, context);
  }
  decoding_.add(*packet_, arrived, context);
  if (decoding_.needs_key()) connection_->ask_key();
  if (decoding_.catches_up()) connection_->set_patient(true);
  av_packet_unref(packet_.get());
  return true;
}

/// Records the times of packet_, and passes it to the packet output unless an earlier connection already
/// delivered it.
ArrivedPacket LiveSource::arrive(PacketNotes notes, const Context& context) {
  const auto time = connection_->seconds(packet_->pts);
  const auto noted = times_.note(
      {.pts = packet_->pts,
       .time = time,
       .bytes = {reinterpret_cast<const char*>(packet_->data), static_cast<std::size_t>(packet_->size)},
       .is_bursty = connection_->is_bursty()},
      notes, context);
  notes.repeated = !noted.is_new;
  if (noted.is_new) note_packet(notes.arrived);
  const bool damaged = sent_damage_.add(notes.picture, notes.arrived);
  if (packets_.is_wanted() && noted.is_new) {
    packets_.add(*packet_, {.key = notes.can_begin,
                            .time = time,
                            .captured = noted.captured,
                            .damaged = damaged,
                            .utc = times_.find_utc(time, noted.captured, context),
                            .pace = times_.pace()});
    if (packets_.awaits_key()) connection_->ask_key();
  }
  if (notes.can_begin) wish_.note_key();
  if (facts_.note_ends(notes.ends_by)) set_info(facts_.info());
  return {.notes = notes,
          .captured = noted.captured,
          .damaged = damaged,
          .is_kept = wish_.pages().may_come(),
          .newest_pts = times_.timeline().highest()};
}

/// Called on the connection's thread. Handles packets that are not decoded without waking the source's
/// thread, which is waiting in read_packet() after the same decision.
bool LiveSource::take_undecoded(AVPacket& packet, const PacketNotes& notes, const Context& context) {
  if (!decoding_.is_at_rest() || wish_.decodes(notes.arrived, decoding_.must_begin()) || has_to_see(notes))
    return false;
  connection_->set_patient(true);
  av_packet_unref(packet_.get());
  av_packet_move_ref(packet_.get(), &packet);
  pass_on(notes, context);
  return true;
}

/// Handles packet_ while frames have no consumer. The source counts as running from the first keyframe on.
void LiveSource::pass_on(const PacketNotes& notes, const Context& context) {
  const auto before = packets_.stream();
  const auto arrived = arrive(notes, context);
  const auto time = connection_->seconds(packet_->pts);
  decoding_.leave_out(*packet_, arrived, context);
  if (notes.can_begin && !arrived.damaged) {
    watch_bytes(arrived, context);
    if (has_to_see(notes)) {
      see_key(arrived, context);
    } else {
      wish_.see_next(before != packets_.stream());
    }
  }
  if (!arrived.notes.repeated) {
    static_cast<void>(times_.find_utc(time, arrived.captured, context));
    times_.count_behind(time, context);
  }
  av_packet_unref(packet_.get());
  if (!notes.can_begin || !packets_.stream()) return;
  decoding_.begin_stream();
  const auto& stream = *packets_.stream();
  const FrameSize size{stream.width, stream.height};
  note_size(turned(size, maker_.orientation().total()), context);
  note_frame(context);
  connector_.note_frame();
  if (facts_.note_packet(connection_->info(), maker_.compute_size(size))) set_info(facts_.info());
}

/// Passes the bytes of an intact keyframe that is not decoded into host memory to the freeze detection.
void LiveSource::watch_bytes(const ArrivedPacket& arrived, const Context& context) {
  still_.note_packet({packet_->data, static_cast<std::size_t>(packet_->size)}, arrived.captured, context);
}

/// Decodes the keyframe in packet_ with a temporary decoder, for the freeze detection and for consumers that
/// need to know the stored pixel format. Keyframes that do not yield a frame on their own are ignored.
void LiveSource::see_key(const ArrivedPacket& arrived, const Context& context) {
  still_.ask_picture(arrived.notes.arrived);
  wish_.see_next(false);
  const auto stream = packets_.stream();
  if (!stream) return;
  const FfmpegErrorCapture errors;  // errors are not reported: this frame is not delivered
  try {
    Dictionary options;
    options.set("max_pixels", Decoder::most_pixels(options_.options));
    Decoder decoder(*make_parameters(*stream).codec, connection_->decoder().context().pkt_timebase,
                    {.low_delay = true}, options);
    static_cast<void>(decoder.send(*packet_, arrived.captured));
    decoder.finish();
    for (auto frame = make_av_frame();; frame = make_av_frame()) {
      const auto result = decoder.receive(*frame);
      if (result == Decoder::Result::Damaged) continue;
      if (result != Decoder::Result::Frame) return;
      if (decoder.is_damaged(*frame)) continue;
      const FrameFacts first(*frame, decoder);
      const auto made = maker_.make(std::move(frame));
      if (facts_.note_frame(connection_->info(), made, first, connection_->is_timeless()))
        set_info(facts_.info());
      wish_.pages().tell(made);
      still_.note_seen(made, arrived.captured, context);
    }
  } catch (const std::exception& error) {
    log(LogLevel::Debug, title() + ": a keyframe could not be seen: " + error.what());
  }
}

// ---- frames

/// Returns nullopt if the frame is held back, is older than an outage, or could not be created; all are
/// counted.
std::optional<SourceItem<Frame>> LiveSource::deliver(LivePicture picture, const Context& context) {
  auto& book = context.counters.source();
  if (picture.damaged && options_.damaged == Damaged::Hold) {
    connector_.note_frame();
    context.counters.drop(NodeDropCause::Lost);
    if (book.state() == SourceState::Reading) book.enter(SourceState::WaitingKeyframe);
    return std::nullopt;
  }
  if (times_.is_stale(picture.captured)) {
    connector_.note_frame();
    context.counters.drop(NodeDropCause::Sender);
    return std::nullopt;
  }
  picture.captured = note_captured(picture.captured);
  const double pts = times_.place(picture.time, picture.captured);
  const auto utc = times_.find_utc(picture.time, picture.captured, context);
  times_.count_behind(picture.time, context);
  const FrameSize stored{picture.frame->width, picture.frame->height};
  note_size(turned(stored, maker_.find_turn(*picture.frame)), context);
  const bool key = picture.frame->pict_type == AV_PICTURE_TYPE_I;
  const FrameFacts first(*picture.frame, connection_->decoder());
  auto made = make(maker_, std::move(picture.frame), context);
  if (!made) return std::nullopt;
  note_frame(context);
  connector_.note_frame();
  if (facts_.note_frame(connection_->info(), *made, first, connection_->is_timeless()))
    set_info(facts_.info());
  if (picture.damaged) {
    made->mark_damaged();
    book.count_damaged();
  } else if (key && made->on_device() == nullptr) {
    still_.note_picture(*made, picture.captured, context);
  }
  return SourceItem<Frame>{.value = *std::move(made),
                           .pts = pts,
                           .captured = picture.captured,
                           .seq = picture.seq,
                           .utc = utc,
                           .pace = times_.pace()};
}

}  // namespace freshframe::media

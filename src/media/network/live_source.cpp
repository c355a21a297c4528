// A video source on the network that reconnects after outages.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/live_source.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <cerrno>
#include <exception>
#include <sstream>
#include <string_view>
#include <utility>

#include "core/session_gate.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/options.hpp"
#include "media/packets/parameters.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace freshframe::media {

LiveSource::LiveSource(SourceUrl url, OpenOptions options)
    : ReconnectingSource("'" + url.masked + "'", reconnect_of(options)),
      url_(std::move(url)),
      options_(std::move(options)),
      connector_(url_, options_, core::gate_of_thread()),
      maker_(wanted_size(options_)),
      times_(title(), options_.clock_offset),
      leaves_out_(leaves_frames_out(options_.options) || options_.decode == Decode::Keys),
      decoding_(options_.decode == Decode::Keys),
      still_(title(), options_.frozen_after, options_.remember) {
  times_.timeline().follow(packets_.timeline());
  packets_.follow(times_.timeline());
}

void LiveSource::open(const Context& context) {
  packet_ = make_av_packet();
  check_known(connector_.options().options, url());  // whether or not the server is there
  still_.open(context);
  ReconnectingSource::open(context);
}

void LiveSource::connect(const Context& context) {
  connection_ = connector_.connect(context);
  times_.connect(connection_->wrap());
  connection_->set_direct([this](AVPacket& packet, const PacketNotes& notes, const Context& of_read) {
    return take_undecoded(packet, notes, of_read);
  });
  forget_pictures(context.clock.now());
  group_.clear();
  sees_next_ = true;
  keyless_since_ = context.clock.now();
  sent_damage_ = Damage();
  phase_ = LivePhase::New;
  maker_.set_turn(connection_->turn());
  packets_.connect(connection_->decoder().context(), connection_->turn());
  residue_.connect(connection_->decoder().context().codec_id);
  context.counters.source().enter(SourceState::WaitingKeyFrame);
  // If it is not known here, no frame was decoded yet, and the first one has it.
  if (!info_known_ && !connection_->info().pixel_format.empty()) {
    set_info(connection_->info());
  }
}

std::unique_ptr<Source<Packet>> LiveSource::packets() {
  return packets_.node(title(), live(), this);
}

void LiveSource::wake(std::optional<double> seconds, std::optional<double> until) {
  if (!decoding_.sleeps())
    throw GraphError(title() + " does not sleep: wake() is for sources that open() with decode=\"keys\"");
  if (until) limit_.wake_until(*until);
  if (seconds) limit_.wake_for(Seconds(*seconds));
}

void LiveSource::disconnect() {
  packets_.disconnect();
  connection_.reset();
  connector_.note_end();
  lost_ = nullptr;
  times_.disconnect();
}

std::optional<SourceItem<Frame>> LiveSource::next(const Context& context) {
  try {
    auto frame = pull(context);
    return frame ? deliver(std::move(frame), context) : std::nullopt;
  } catch (const StreamOver&) {
    count_left(context);
    if (options_.reconnect.value_or(false)) throw;  // only who asks for it gets it again from its beginning
    finish();
    return std::nullopt;
  } catch (...) {
    count_left(context);
    throw;
  }
}

AvFramePtr LiveSource::pull(const Context& context) {
  while (!context.stop.stop_requested()) {
    if (!spare_) spare_ = make_av_frame();
    switch (decoding_.receive(connection_->decoder(), *spare_)) {
      case Decoder::Result::Frame:
        fruitless_.begin(context.clock.now());
        if (passes_over(*spare_)) break;
        return std::move(spare_);
      case Decoder::Result::Damaged:
        if (!held_.is_newest_torn()) lose_picture();  // else it is known what that damages
        count_undecoded(context);
        break;
      case Decoder::Result::NeedsPacket:
      case Decoder::Result::End:
        if (lost_) std::rethrow_exception(lost_);
        if (!feed(context)) return nullptr;
        break;
    }
  }
  return nullptr;
}

/// Of the pictures of a replay the newest is given, and none that was given before it began.
bool LiveSource::passes_over(const AVFrame& frame) {
  const auto captured = Decoder::captured_of(frame);
  const bool is_old = group_.replays() || captured <= given_;
  if (!resumes_ || !is_old) {
    resumes_ = false;
    return false;
  }
  static_cast<void>(take_held(frame));
  return true;
}

/// The decoder begins at a key picture again.
void LiveSource::forget_pictures(TimePoint now) {
  note(LiveEvent::Paused);
  held_.clear();
  damage_ = Damage();
  key_gate_ = KeyGate(key_patience(connection_->decoder().context().codec_id));
  fruitless_.begin(now);
  decoding_.connect();
}

/// Frames have no consumer any more: those that the decoder holds are dropped, and it goes on behind a gap.
void LiveSource::pause_decoding(const Context& context) {
  if (!has_packets(phase_)) return;
  const auto held = held_.give_up();
  if (counts_losses(phase_)) context.counters.drop(NodeDropCause::Lost, held.missing);
  forget_pictures(context.clock.now());
  auto& decoder = connection_->decoder();
  if (decoding_.sleeps()) {
    decoder.rest();
  } else {
    decoder.restart();
  }
}

/// Gives the decoder one packet, or the end when the connection is lost. False: stopped.
bool LiveSource::feed(const Context& context) {
  if (const auto kept = group_.next()) {
    av_packet_unref(packet_.get());
    av_packet_move_ref(packet_.get(), kept->packet.get());
    feed_decoder(kept->notes, kept->captured, kept->damaged, context);
    return true;
  }
  std::optional<PacketNotes> notes;
  try {
    notes = connection_->next(*packet_, context);
  } catch (const SourceError&) {
    lost_ = std::current_exception();
    decoding_.finish(connection_->decoder());
    return true;
  }
  if (!notes) return false;
  const bool wanted = decodes(notes->arrived);
  connection_->set_patient(!wanted || resumes_);
  if (!wanted) {
    pause_decoding(context);
    note_undecoded(*notes, context);
    return true;
  }
  const TimePoint captured = note_times(*notes, context);
  const bool damaged = hand_over(*notes, captured, context);
  const bool begins = !has_packets(phase_) && !notes->can_begin;
  resumes_ = (begins && group_.replay(*packet_, *notes, captured, damaged)) || resumes_;
  keep(*notes, captured, damaged);
  if (!group_.replays()) {
    feed_decoder(*notes, captured, damaged, context);
    return true;
  }
  connection_->set_patient(true);
  if (counts_losses(phase_)) context.counters.drop(NodeDropCause::Lost, notes->missing);
  fruitless_.begin(context.clock.now());
  av_packet_unref(packet_.get());
  return true;
}

/// Packets before the first key frame cannot be decoded: they belong to the start and are not losses.
void LiveSource::feed_decoder(const PacketNotes& notes, TimePoint captured, bool damaged,
                              const Context& context) {
  note(notes.can_begin ? LiveEvent::Key : LiveEvent::Fed);
  if (key_gate_.passes(notes.can_begin, notes.arrived)) {
    decode(notes, captured, damaged, context);
  } else {
    count_undecoded_losses(notes, damaged, context);
  }
  av_packet_unref(packet_.get());
}

/// packet_, for a decoder that comes later, where a page may want one.
void LiveSource::keep(const PacketNotes& notes, TimePoint captured, bool damaged) {
  if (notes.can_begin) keyless_since_.reset();
  if (decoding_.sleeps() || !looks_.may_come()) return group_.clear();
  if (!notes.repeated) group_.add(*packet_, notes, captured, damaged);
}

/// A packet that is not to be decoded need not wake the source's thread: the connection's takes it this far. The
/// source's own has been in feed() with that decision before, and waits there.
bool LiveSource::take_undecoded(AVPacket& packet, const PacketNotes& notes, const Context& context) {
  if (has_packets(phase_) || decodes(notes.arrived) || has_to_see(notes)) return false;
  connection_->set_patient(true);
  av_packet_unref(packet_.get());
  av_packet_move_ref(packet_.get(), &packet);
  note_undecoded(notes, context);
  return true;
}

/// packet_ to the node that emits packets, unless an earlier connection has brought it. Whether its picture is
/// damaged.
bool LiveSource::hand_over(const PacketNotes& notes, TimePoint captured, const Context& context) {
  const auto time = connection_->seconds(packet_->pts);
  const bool damaged = sent_damage_.add(notes.picture, notes.arrived);
  if (packets_.is_wanted() && !notes.repeated) {
    packets_.add(*packet_, {.key = notes.can_begin,
                            .time = time,
                            .captured = captured,
                            .damaged = damaged,
                            .utc = times_.utc_of(time, captured, context)});
  }
  return damaged;
}

/// Counts the losses of a packet that is not decoded, and of the pictures before it. As with frames, those
/// before the first picture belong to the start.
void LiveSource::count_undecoded_losses(const PacketNotes& notes, bool damaged, const Context& context) {
  if (!counts_losses(phase_)) return;
  context.counters.drop(NodeDropCause::Lost, notes.missing);
  if (damaged) context.counters.source().count_damaged();
}

/// packet_ while frames have no consumer. The source reads from the first key packet on.
void LiveSource::note_undecoded(PacketNotes notes, const Context& context) {
  const TimePoint captured = note_times(notes, context);
  const auto time = connection_->seconds(packet_->pts);
  const auto before = packets_.stream();
  const bool damaged = hand_over(notes, captured, context);
  count_undecoded_losses(notes, damaged, context);
  note_ends(notes.ends_by);
  keep(notes, captured, damaged);
  if (notes.can_begin && !damaged) {
    still_.note_packet({packet_->data, static_cast<std::size_t>(packet_->size)}, captured, context);
    if (has_to_see(notes)) {
      see_key(notes.arrived, captured, context);
    } else {
      sees_next_ = before != packets_.stream();
    }
  }
  if (!notes.repeated) {
    if (phase_ != LivePhase::New || notes.can_begin) context.counters.source().count_undecoded();
    static_cast<void>(times_.utc_of(time, captured, context));
    times_.count_behind(time, context);
  }
  av_packet_unref(packet_.get());
  if (!notes.can_begin || !packets_.stream()) return;
  note(LiveEvent::Undecoded);
  const auto& stream = *packets_.stream();
  note_size({stream.width, stream.height}, context);
  note_frame(context);
  connector_.note_frame();
  if (info_known_ || info().width > 0) return;  // the first frame has the rest
  auto known = connection_->info();
  known.width = stream.width;
  known.height = stream.height;
  set_info(std::move(known));
}

/// Decodes the key picture in packet_ by a decoder of its own, which leaves nothing behind: for the watch over still
/// pictures, and for those who have to know how the pictures of this stream are stored. One that gives no picture by itself
/// is seen by nothing.
void LiveSource::see_key(TimePoint arrived, TimePoint captured, const Context& context) {
  still_.ask_picture(arrived);
  sees_next_ = false;
  const auto stream = packets_.stream();
  if (!stream) return;
  const FfmpegErrorCapture errors;  // no picture of it was to be delivered
  try {
    Dictionary options;
    options.set("max_pixels", Decoder::most_pixels(options_.options));
    Decoder decoder(*parameters_of(*stream).codec, connection_->decoder().context().pkt_timebase,
                    {.low_delay = true}, options);
    static_cast<void>(decoder.send(*packet_, captured));
    decoder.finish();
    for (auto frame = make_av_frame();; frame = make_av_frame()) {
      const auto result = decoder.receive(*frame);
      if (result == Decoder::Result::Damaged) continue;
      if (result != Decoder::Result::Frame) return;
      if (decoder.is_damaged(*frame)) continue;
      const auto first = FirstFrame::of(*frame, decoder);
      const auto made = maker_.make(std::move(frame));
      note_info(made, first);
      looks_.tell(made);
      still_.note_seen(made, captured, context);
    }
  } catch (const std::exception& error) {
    log(LogLevel::Debug, title() + ": a key picture could not be seen: " + error.what());
  }
}

/// Gives packet_ to the decoder. Throws SourceError when it makes no pictures of any, as of another codec's.
void LiveSource::decode(const PacketNotes& notes, TimePoint captured, bool damaged, const Context& context) {
  note_ends(notes.ends_by);
  auto picture = notes.picture;
  const auto handling = residue_.look_at(*packet_, notes.can_begin, picture);
  const HeldPackets::Packet packet{.captured = captured,
                                   .time = connection_->seconds(packet_->pts),
                                   .torn = picture.torn,
                                   .damaged = damage_.add(picture, notes.arrived),
                                   .missing = notes.missing,
                                   .dropped = notes.dropped,
                                   .repeated = notes.repeated};
  const auto taken = send(handling, notes, captured, context);
  if (taken == false) {
    if (!packet.torn) lose_picture();
    count_undecoded(context);
  }
  if (!taken && counts_losses(phase_) && damaged) context.counters.source().count_damaged();
  if (taken.value_or(true) || counts_pictures()) held_.add(packet);
  if (!makes_pictures(phase_) && key_gate_.gives_up(notes.arrived)) show_without_key();
  if (taken) check_fruitful(notes.arrived, context);
  warn_of_keys();
}

/// As KeyDecoding::send().
std::optional<bool> LiveSource::send(DecoderResidue::Handling handling, const PacketNotes& notes,
                                     TimePoint captured, const Context& context) {
  if (handling == DecoderResidue::Handling::LeaveOut) {
    if (decoding_.is_asleep()) return std::nullopt;  // it would not have been decoded
    return false;
  }
  if (handling == DecoderResidue::Handling::Renew) connection_->decoder().renew();
  const bool awake = decoding_.sleeps() && limit_.is_awake(context.clock.now(), times_.timeline().highest());
  return decoding_.send(connection_->decoder(), *packet_, captured, notes.can_begin, awake);
}

/// The decoder has found an error in a picture of which no packet was lost.
void LiveSource::lose_picture() {
  damage_.lose();
  residue_.note_error();
}

/// Where the camera's key pictures are not those that decode="keys" needs.
void LiveSource::warn_of_keys() {
  if (decoding_.has_overflowed()) {
    log(LogLevel::Warning, title() +
                               " has sent 16 MiB since its last key picture: wake() waits for the next "
                               "one; set a shorter interval of key pictures in the camera");
  }
  if (decoding_.is_fruitless()) {
    log(LogLevel::Warning, title() +
                               " sends key pictures that cannot be decoded by themselves, as with intra "
                               "refresh, so decode=\"keys\" shows nothing: use decode=\"all\", or switch "
                               "intra refresh off in the camera. Its packets go on");
  }
}

/// Pictures with gaps are better than none, where all are decoded.
void LiveSource::show_without_key() {
  note(LiveEvent::Key);
  if (decoding_.sleeps()) {
    throw SourceError("lost '" + url_.masked +
                          "': it sends no key pictures, so decode=\"keys\" shows nothing: "
                          "use decode=\"all\", or set an interval of key pictures in the camera",
                      url_.masked, EBADMSG);
  }
  connection_->decoder().show_incomplete();
}

/// A picture may come all the same. Where pictures are counted, this one is when a later one has come, and one of a
/// replay was counted when it came.
void LiveSource::count_undecoded(const Context& context) {
  if (makes_pictures(phase_) && !counts_pictures() && !group_.replays())
    context.counters.drop(NodeDropCause::Decode);
}

/// Counts pictures also where the decoder leaves frames out: then each packet is a picture that gives a frame
/// or none.
bool LiveSource::counts_pictures() const {
  return leaves_out_ || connection_->counts_pictures();
}

/// Throws SourceError when the decoder has made no picture for too long. Key pictures without errors that give none
/// by themselves are no fault of the connection.
void LiveSource::check_fruitful(TimePoint arrived, const Context& context) {
  if (!makes_pictures(phase_) || !fruitless_.add(arrived, options_.read_timeout)) return;
  const auto why = connection_->decoder().failure();
  if (decoding_.sleeps() && why.empty()) {
    const auto notes = held_.give_up();
    if (phase_ == LivePhase::Showing && counts_pictures()) count_before(notes, context);
    return fruitless_.begin(context.clock.now());
  }
  std::ostringstream text;
  text << "lost '" << url_.masked << "': for " << options_.read_timeout
       << " s nothing that it sends can be decoded" << (why.empty() ? "" : ": " + why);
  throw SourceError(text.str(), url_.masked, EBADMSG);
}

/// Notes the times of packet_, and whether it is repeated. Returns when its picture was captured.
TimePoint LiveSource::note_times(PacketNotes& notes, const Context& context) {
  const auto noted = times_.note(
      {.pts = packet_->pts,
       .time = connection_->seconds(packet_->pts),
       .bytes = {reinterpret_cast<const char*>(packet_->data), static_cast<std::size_t>(packet_->size)},
       .is_bursty = connection_->is_bursty()},
      notes, context);
  notes.repeated = !noted.is_new;
  if (noted.is_new) note_packet(notes.arrived);
  return noted.captured;
}

/// Returns nullopt if the frame could not be made, or is not new; that is counted.
std::optional<SourceItem<Frame>> LiveSource::deliver(AvFramePtr frame, const Context& context) {
  auto& book = context.counters.source();
  const TimePoint captured = Decoder::captured_of(*frame);
  const auto time = connection_->seconds(frame->best_effort_timestamp);
  const auto notes = take_notes(*frame, context);
  book.set_decoder_delay(static_cast<int>(notes.held));
  if (notes.repeated) {
    context.counters.drop(NodeDropCause::Repeated);
    --seq_;  // it has its number already
    return std::nullopt;
  }
  if (notes.damaged && options_.damaged == Damaged::Hold) {
    connector_.note_frame();
    context.counters.drop(NodeDropCause::Lost);
    if (book.state() == SourceState::Reading) book.enter(SourceState::WaitingKeyFrame);
    return std::nullopt;
  }
  const double pts = times_.place(time, captured);
  const auto utc = times_.utc_of(time, captured, context);
  times_.count_behind(time, context);
  note_size({frame->width, frame->height}, context);
  const bool key = frame->pict_type == AV_PICTURE_TYPE_I;
  const auto first = FirstFrame::of(*frame, connection_->decoder());
  auto made = make(maker_, std::move(frame), context);
  if (!made) return std::nullopt;
  note_frame(context);
  connector_.note_frame();
  note_info(*made, first);
  if (notes.damaged) {
    made->mark_damaged();
    book.count_damaged();
  } else if (key) {
    still_.note_picture(*made, captured, context);
  }
  given_ = captured;
  return SourceItem<Frame>{
      .value = *std::move(made), .pts = pts, .captured = captured, .seq = seq_, .utc = utc};
}

/// What is known of a frame by the packets before it, which are held no longer.
HeldPackets::Taken LiveSource::take_held(const AVFrame& frame) {
  const auto& decoder = connection_->decoder();
  auto notes = held_.take(Decoder::captured_of(frame), connection_->seconds(frame.best_effort_timestamp),
                          decoder.context().has_b_frames > 0);
  if (decoder.is_damaged(frame)) {
    notes.damaged = true;
    if (!notes.torn) {
      lose_picture();
      held_.mark_damaged();
    }
  }
  return notes;
}

/// The same of a frame that is delivered. Pictures before it that will not come are counted, and have taken numbers.
HeldPackets::Taken LiveSource::take_notes(const AVFrame& frame, const Context& context) {
  auto notes = take_held(frame);
  ++seq_;
  // As with the packets before the first key picture, those that its decoder leaves out are no losses.
  if (counts_pictures()) count_missing(notes, context);
  note(LiveEvent::Frame);
  return notes;
}

/// Pictures that did not come before a frame, or before the end.
void LiveSource::count_missing(const HeldPackets::Taken& notes, const Context& context) {
  if (phase_ == LivePhase::Showing && counts_pictures()) {
    count_before(notes, context);
  } else if (counts_losses(phase_)) {
    context.counters.drop(NodeDropCause::Lost, notes.missing);
  }
}

/// Pictures before the next frame that will not come.
void LiveSource::count_before(const HeldPackets::Taken& notes, const Context& context) {
  context.counters.drop(NodeDropCause::Lost, notes.missing);
  context.counters.drop(leaves_out_ ? NodeDropCause::NotDecoded : NodeDropCause::Decode, notes.failed);
  seq_ += static_cast<std::int64_t>(notes.missing + notes.dropped + notes.failed);
}

/// The connection is over: the pictures that it still had, and those that the decoder has got and not given.
void LiveSource::count_left(const Context& context) {
  if (context.stop.stop_requested()) return;
  const auto unread = connection_->end();
  auto notes = held_.give_up();
  notes.missing += unread.lost;
  notes.dropped += unread.dropped;
  count_missing(notes, context);
}

void LiveSource::note_ends(std::string_view ends_by) {
  if (ends_by == ends_by_) return;
  ends_by_ = ends_by;
  if (!info_known_) return;
  auto known = info();
  known.ends_by = ends_by_;
  set_info(std::move(known));
}

LiveSource::FirstFrame LiveSource::FirstFrame::of(const AVFrame& frame, const Decoder& decoder) {
  return {
      .pixel_format = frame.format, .interlaced = is_interlaced(frame), .rate = decoder.context().framerate};
}

/// The first frame has the properties that the server did not send.
void LiveSource::note_info(const Frame& made, const FirstFrame& first) {
  if (info_known_) return;
  info_known_ = true;
  VideoInfo info = connection_->info();
  info.ends_by = ends_by_;
  info.width = made.width();
  info.height = made.height();
  const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(first.pixel_format));
  info.interlaced = first.interlaced;
  info.pixel_format = name != nullptr ? name : "";
  const AVRational rate = first.rate;
  if (!info.fps && !connection_->is_timeless() && rate.num > 0 && rate.den > 0) info.fps = av_q2d(rate);
  set_info(std::move(info));
}

void LiveSource::close() {
  ReconnectingSource::close();
  still_.close();
  packets_.close();
  connector_.close();
  spare_.reset();
  packet_.reset();
}

}  // namespace freshframe::media

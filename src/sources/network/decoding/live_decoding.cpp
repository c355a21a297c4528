// Decodes a live source: takes packets, and returns frames with their sequence numbers and damage flags.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/decoding/live_decoding.hpp"

#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <utility>

#include "sources/live/decoding_place.hpp"

namespace freshframe::media {

LiveDecoding::LiveDecoding(Options options)
    : options_(std::move(options)),
      mode_(options_.keys ? make_key_decoding(options_.title, options_.url) : make_full_decoding()) {}

void LiveDecoding::connect(Stream stream, TimePoint now) {
  stream_ = std::move(stream);
  forget(now);
  mode_->group().clear();
  phase_ = LivePhase::New;
  residue_.connect(stream_.decoder->context().codec_id);
}

void LiveDecoding::disconnect() {
  stream_ = {};
  mode_->group().clear();
  spare_.reset();
}

/// Decoding restarts at the next keyframe.
void LiveDecoding::forget(TimePoint now) {
  note(LiveEvent::Paused);
  held_.clear();
  first_errors_ = 0;
  damage_ = Damage();
  key_gate_ = KeyGate(key_patience(stream_.decoder->context().codec_id));
  fruitless_.begin_stream(now);
  mode_->begin();
}

void LiveDecoding::rest(const Context& context) {
  if (is_at_rest()) return;
  const auto held = held_.give_up();
  if (counts_losses(phase_)) context.counters.drop(NodeDropCause::Lost, held.missing);
  forget(context.clock.now());
  mode_->rest(*stream_.decoder);
}

void LiveDecoding::end_stream(const Unread& unread, const Context& context) {
  auto notes = held_.give_up();
  notes.missing += unread.lost;
  notes.dropped += unread.dropped;
  count_missing(notes, context);
}

// ---- packets

void LiveDecoding::add(AVPacket& packet, const ArrivedPacket& arrived, const Context& context) {
  if (mode_->replays(packet, arrived, is_at_rest())) {
    if (counts_losses(phase_)) context.counters.drop(NodeDropCause::Lost, arrived.notes.missing);
    return fruitless_.begin_stream(context.clock.now());
  }
  feed(packet, arrived, context);
}

void LiveDecoding::leave_out(const AVPacket& packet, const ArrivedPacket& arrived, const Context& context) {
  note_losses(arrived, context);
  mode_->leave_out(packet, arrived);
  if (arrived.notes.repeated) return;
  if (phase_ != LivePhase::New || arrived.notes.can_begin) context.counters.source().count_undecoded();
}

/// Packets before the first keyframe cannot be decoded. They belong to the start and do not count as losses.
void LiveDecoding::feed(AVPacket& packet, const ArrivedPacket& arrived, const Context& context) {
  note(arrived.notes.can_begin ? LiveEvent::Key : LiveEvent::Fed);
  if (key_gate_.passes(arrived.notes.can_begin, arrived.notes.arrived)) {
    decode(packet, arrived, context);
  } else {
    note_losses(arrived, context);
  }
}

/// Throws SourceError if the decoder produces no frames from any packet, for example because the codec is a
/// different one.
void LiveDecoding::decode(AVPacket& packet, const ArrivedPacket& arrived, const Context& context) {
  const auto& notes = arrived.notes;
  auto picture = notes.picture;
  const auto handling = residue_.look_at(packet, notes.can_begin, picture);
  const HeldPackets::Held sent{.captured = arrived.captured,
                               .time = stream_.seconds(packet.pts),
                               .torn = picture.torn,
                               .damaged = damage_.add(picture, notes.arrived),
                               .missing = notes.missing,
                               .dropped = notes.dropped,
                               .repeated = notes.repeated};
  const auto taken = send(packet, handling, arrived, context);
  if (taken == false) {
    if (!sent.torn) lose_picture();
    count_undecoded(context);
  }
  if (!taken && counts_losses(phase_) && arrived.damaged) context.counters.source().count_damaged();
  if (taken.value_or(true) || counts_pictures()) held_.add(sent);
  if (!makes_pictures(phase_) && key_gate_.gives_up(notes.arrived)) {
    note(LiveEvent::Key);
    mode_->go_on_without_key(*stream_.decoder);
  }
  if (taken) check_fruitful(notes.arrived, context);
}

/// Returns nullopt for a packet that is not to be decoded now.
std::optional<bool> LiveDecoding::send(AVPacket& packet, DecoderResidue::Handling handling,
                                       const ArrivedPacket& arrived, const Context& context) {
  if (handling == DecoderResidue::Handling::LeaveOut) {
    if (mode_->is_asleep()) return std::nullopt;  // a sleeping decoder would not have decoded it
    return false;
  }
  if (handling == DecoderResidue::Handling::Renew) stream_.decoder->renew();
  return mode_->send(*stream_.decoder, packet, arrived, context.clock.now());
}

void LiveDecoding::replay(const Group::Item& item, const Context& context) {
  if (mode_->counts_on_arrival()) {
    static_cast<void>(stream_.decoder->send(*item.packet, item.captured));
  } else {
    feed(*item.packet, {.notes = item.notes, .captured = item.captured, .damaged = item.damaged}, context);
  }
}

/// Throws SourceError if the decoder has produced no frame for too long.
void LiveDecoding::check_fruitful(TimePoint arrived, const Context& context) {
  if (!makes_pictures(phase_) || !fruitless_.add(arrived, options_.read_timeout)) return;
  const auto why = stream_.decoder->failure();
  if (!mode_->expects_frames() && why.empty()) {
    const auto notes = held_.give_up();
    if (phase_ == LivePhase::Showing && counts_pictures()) count_before(notes, context);
    return fruitless_.begin_stream(context.clock.now());
  }
  std::ostringstream text;
  text << "lost '" << options_.url << "': for " << options_.read_timeout
       << " s, nothing that it sent could be decoded" << (why.empty() ? "" : ": " + why);
  throw SourceError(text.str(), options_.url, EBADMSG);
}

// ---- frames

std::optional<LivePicture> LiveDecoding::next(const Context& context) {
  while (auto frame = pull(context)) {
    if (auto picture = give(std::move(frame), context)) return picture;
  }
  return std::nullopt;
}

/// Returns the next frame to deliver; null if the decoder needs a packet, and after a stop.
AvFramePtr LiveDecoding::pull(const Context& context) {
  while (!context.stop.stop_requested()) {
    if (take(context)) {
      if (spare_) return std::move(spare_);
      continue;
    }
    const auto item = mode_->group().next();
    if (!item) return mode_->group().take_newest();
    replay(*item, context);
  }
  return nullptr;
}

/// Takes a frame out of the decoder, into spare_ if it is to be delivered. Returns false if the decoder needs
/// a packet.
bool LiveDecoding::take(const Context& context) {
  if (!spare_) spare_ = make_av_frame();
  switch (mode_->receive(*stream_.decoder, *spare_)) {
    case Decoder::Result::Frame:
      fruitless_.begin_stream(context.clock.now());
      note_place(*stream_.decoder, options_.url, context);
      if (const auto left = mode_->group().sift(spare_)) {
        if (!mode_->counts_on_arrival()) static_cast<void>(take_held(*left));
      }
      return true;
    case Decoder::Result::Damaged: {
      const bool is_known =
          held_.is_newest_torn() || (mode_->counts_on_arrival() && mode_->group().replays());
      if (!is_known) lose_picture();
      count_undecoded(context);
      spare_.reset();
      return true;
    }
    case Decoder::Result::NeedsPacket:
    case Decoder::Result::End:
      break;
  }
  return false;
}

/// Numbers a frame. Earlier frames that will never arrive are counted and use up numbers. Returns nullopt if
/// an earlier connection already delivered this frame.
std::optional<LivePicture> LiveDecoding::give(AvFramePtr frame, const Context& context) {
  const TimePoint captured = Decoder::read_captured(*frame);
  const auto time = stream_.seconds(frame->best_effort_timestamp);
  const auto notes = take_held(*frame);
  ++seq_;
  // Neither packets that the decoder skips at the start nor those before the first keyframe count as losses.
  if (counts_pictures()) count_missing(notes, context);
  note(LiveEvent::Frame);
  context.counters.source().set_decoder_frames(static_cast<int>(notes.held));
  if (notes.repeated) {
    context.counters.drop(NodeDropCause::Repeated);
    --seq_;  // the frame already has a number
    return std::nullopt;
  }
  return LivePicture{
      .frame = std::move(frame), .captured = captured, .time = time, .seq = seq_, .damaged = notes.damaged};
}

/// Takes what held_ stores for this frame: the facts from its packet and from the packets before it.
HeldPackets::Taken LiveDecoding::take_held(const AVFrame& frame) {
  const auto& decoder = *stream_.decoder;
  auto notes = held_.take(Decoder::read_captured(frame), stream_.seconds(frame.best_effort_timestamp),
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

/// Called when the decoder finds an error in a frame without a lost packet.
void LiveDecoding::lose_picture() {
  damage_.lose();
  residue_.note_error();
}

// ---- counts

/// Counts the losses of a packet that is not decoded, including the frames missing before it. Losses before
/// the first frame belong to the start and do not count.
void LiveDecoding::note_losses(const ArrivedPacket& arrived, const Context& context) {
  if (!counts_losses(phase_)) return;
  context.counters.drop(NodeDropCause::Lost, arrived.notes.missing);
  if (arrived.damaged) context.counters.source().count_damaged();
}

/// Counts a packet with a decoding error. Its frame may still be returned, so if frames are counted,
/// count_missing() counts it after a later one. Replayed frames were counted on arrival.
void LiveDecoding::count_undecoded(const Context& context) {
  if (!makes_pictures(phase_) || mode_->group().replays()) return;
  if (!counts_pictures()) {
    context.counters.drop(NodeDropCause::Decode);
  } else if (phase_ != LivePhase::Showing && !options_.leaves_out) {
    ++first_errors_;
  }
}

/// Counts the frames missing before the one that the decoder has returned, or before the end. At first, a
/// decoder skips frames that refer to frames before the keyframe, so until its first frame only frames with
/// an error count.
void LiveDecoding::count_missing(const HeldPackets::Taken& notes, const Context& context) {
  if (phase_ == LivePhase::Showing && counts_pictures()) return count_before(notes, context);
  if (counts_losses(phase_)) context.counters.drop(NodeDropCause::Lost, notes.missing);
  context.counters.drop(NodeDropCause::Decode, std::min(notes.failed, std::exchange(first_errors_, 0)));
  if (seq_ > 0) seq_ += static_cast<std::int64_t>(notes.dropped);  // numbering starts at the first frame
}

/// Counts the frames missing before the next one, and skips their numbers.
void LiveDecoding::count_before(const HeldPackets::Taken& notes, const Context& context) {
  context.counters.drop(NodeDropCause::Lost, notes.missing);
  context.counters.drop(options_.leaves_out ? NodeDropCause::NotDecoded : NodeDropCause::Decode,
                        notes.failed);
  seq_ += static_cast<std::int64_t>(notes.missing + notes.dropped + notes.failed);
}

}  // namespace freshframe::media

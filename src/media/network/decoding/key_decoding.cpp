// Decodes the key pictures of a live stream only, until it is woken.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/decoding/key_decoding.hpp"

#include <new>
#include <utility>

namespace freshframe::media {

void KeyDecoding::connect() noexcept {
  state_ = sleeps_ ? State::Asleep : State::Awake;
  kept_.clear();
  bytes_ = 0;
  has_newest_ = false;
  passes_over_ = false;
  given_.reset();
  given_captured_ = {};
  fruitless_ = 0;
}

std::optional<bool> KeyDecoding::send(Decoder& decoder, AVPacket& packet, TimePoint captured, bool key,
                                      bool awake) {
  if (!sleeps_) return decoder.send(packet, captured);
  keep(packet, captured, key);
  if (key) passes_over_ = false;
  if (state_ == State::Awake) {
    // A key picture is decoded in any case, and those behind it are none of a decoder that sleeps again.
    if (awake || key) return decoder.send(packet, captured);
    decoder.finish();
    state_ = State::Draining;
    return std::nullopt;
  }
  if (!key && awake && !kept_.empty()) {
    catch_up(decoder);
    state_ = State::Awake;
    return true;
  }
  if (!key) return std::nullopt;
  ++fruitless_;
  const bool taken = decoder.send(packet, captured);
  decoder.finish();
  state_ = State::Draining;
  return taken;
}

void KeyDecoding::keep(const AVPacket& packet, TimePoint captured, bool key) {
  if (key) {
    kept_.clear();
    bytes_ = 0;
  } else if (kept_.empty()) {
    return;
  }
  bytes_ += static_cast<std::size_t>(packet.size);
  if (bytes_ > kMostBytes) {
    overflowed_ = true;
    kept_.clear();
    return;
  }
  AvPacketPtr own(av_packet_clone(&packet));
  if (!own) throw std::bad_alloc();
  kept_.push_back({std::move(own), captured});
}

/// Decodes what was kept, and keeps the newest picture.
void KeyDecoding::catch_up(Decoder& decoder) {
  if (!newest_) newest_ = make_av_frame();
  auto next = make_av_frame();
  has_newest_ = false;
  for (const auto& [packet, captured] : kept_) {
    static_cast<void>(decoder.send(*packet, captured));
    for (auto result = decoder.receive(*next); result != Decoder::Result::NeedsPacket;
         result = decoder.receive(*next)) {
      if (result == Decoder::Result::End) break;
      if (result == Decoder::Result::Damaged) continue;
      std::swap(newest_, next);
      has_newest_ = true;
    }
  }
  passes_over_ = !has_newest_ || was_given(*newest_);  // what the decoder holds may have been given, too
  has_newest_ = !passes_over_;
}

Decoder::Result KeyDecoding::receive(Decoder& decoder, AVFrame& frame) {
  if (!sleeps_) return decoder.receive(frame);
  if (std::exchange(has_newest_, false)) {
    av_frame_unref(&frame);
    av_frame_move_ref(&frame, newest_.get());
    note_given(frame);
    return Decoder::Result::Frame;
  }
  if (state_ == State::Asleep) return Decoder::Result::NeedsPacket;
  auto result = decoder.receive(frame);
  while (passes_over_ && result == Decoder::Result::Frame && was_given(frame))
    result = decoder.receive(frame);
  if (result == Decoder::Result::Frame) {
    passes_over_ = false;
    note_given(frame);
  }
  if (result != Decoder::Result::End || state_ != State::Draining) return result;
  decoder.rest();
  state_ = State::Asleep;
  return Decoder::Result::NeedsPacket;
}

void KeyDecoding::finish(Decoder& decoder) {
  if (state_ != State::Awake) return;
  decoder.finish();
  state_ = State::Ending;
}

bool KeyDecoding::has_overflowed() noexcept {
  return std::exchange(overflowed_, false);
}

bool KeyDecoding::is_fruitless() noexcept {
  constexpr int kMost = 3;  // and the newest, which may still give one
  return fruitless_ > kMost && !std::exchange(fruitless_told_, true);
}

bool KeyDecoding::was_given(const AVFrame& frame) const noexcept {
  if (given_ && frame.best_effort_timestamp != AV_NOPTS_VALUE) return frame.best_effort_timestamp <= *given_;
  return Decoder::captured_of(frame) <= given_captured_;
}

void KeyDecoding::note_given(const AVFrame& frame) noexcept {
  fruitless_ = 0;
  given_.reset();
  if (frame.best_effort_timestamp != AV_NOPTS_VALUE) given_ = frame.best_effort_timestamp;
  given_captured_ = Decoder::captured_of(frame);
}

}  // namespace freshframe::media

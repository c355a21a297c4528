// Decodes only the keyframes of a live stream, until it is woken.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/decoder.hpp"

namespace freshframe::media {

/// Note [A decoder that sleeps]
/// Each keyframe is decoded on its own: the decoder is opened, drained and closed. Otherwise, with
/// reordering, a keyframe would be returned up to two groups of pictures late, and the decoder would keep
/// some MB of memory. When woken it catches up (Note [A decoder that comes later]) and decodes everything,
/// until it goes back to sleep and returns the frames it still holds.
///
/// Not thread-safe.
class KeyDecoding {
 public:
  enum class Step : std::uint8_t {
    Decode,
    DecodeAlone,  // decode it on its own, and drain the decoder
    CatchUp,      // replay the packets up to this one
    Sleep,        // drain the decoder, and do not decode this packet
    Wait          // do not decode it
  };

  /// `sleeps`: decode only keyframes until woken; otherwise every packet is decoded.
  explicit KeyDecoding(bool sleeps) : sleeps_(sleeps) {}

  [[nodiscard]] bool sleeps() const noexcept { return sleeps_; }
  /// Returns true if the next packet is decoded only if it is a keyframe or wakes the decoder.
  [[nodiscard]] bool is_asleep() const noexcept { return sleeps_ && state_ == State::Asleep; }
  /// Call for a new connection with a new decoder.
  void connect() noexcept {
    state_ = sleeps_ ? State::Asleep : State::Awake;
    fruitless_ = 0;
  }
  /// Decides what to do with a packet. `awake`: all packets are decoded. `is_kept`: earlier packets can be
  /// replayed.
  [[nodiscard]] Step step(bool key, bool awake, bool is_kept) noexcept {
    if (!sleeps_) return Step::Decode;
    if (state_ == State::Awake) {
      // A keyframe is decoded anyway; later packets are not for a sleeping decoder.
      if (awake || key) return Step::Decode;
      state_ = State::Draining;
      return Step::Sleep;
    }
    if (key) {
      ++fruitless_;
      state_ = State::Draining;
      return Step::DecodeAlone;
    }
    if (!awake || !is_kept) return Step::Wait;
    state_ = State::Awake;
    return Step::CatchUp;
  }
  /// Calls Decoder::receive(). Returns End after finish().
  [[nodiscard]] Decoder::Result receive(Decoder& decoder, AVFrame& frame) {
    if (is_asleep()) return Decoder::Result::NeedsPacket;
    const auto result = decoder.receive(frame);
    if (result == Decoder::Result::Frame) fruitless_ = 0;
    if (result != Decoder::Result::End || state_ != State::Draining) return result;
    decoder.rest();
    state_ = State::Asleep;
    return Decoder::Result::NeedsPacket;
  }
  /// Calls Decoder::finish().
  void finish(Decoder& decoder) {
    if (state_ != State::Awake) return;
    decoder.finish();
    state_ = State::Ending;
  }
  /// Returns true, once, if several keyframes in a row yielded no frame on their own, as in streams with
  /// intra refresh.
  [[nodiscard]] bool find_fruitless() noexcept {
    constexpr int kMost = 3;  // including the newest, which may still yield one
    return fruitless_ > kMost && !std::exchange(fruitless_found_, true);
  }

 private:
  enum class State : std::uint8_t { Asleep, Draining, Awake, Ending };

  const bool sleeps_;
  State state_ = State::Asleep;
  int fruitless_ = 0;             // keyframes since the last frame
  bool fruitless_found_ = false;  // by find_fruitless()
};

}  // namespace freshframe::media

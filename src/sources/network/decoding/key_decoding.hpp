// Decodes the keyframes of a live stream only, until it is woken.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/decoder.hpp"

namespace freshframe::media {

/// Note [A decoder that sleeps]
/// A keyframe goes to the decoder by itself: the decoder is opened for it, drained and put to rest. A decoder that waits
/// for more packets gives a keyframe up to two groups of pictures late where pictures are reordered, and takes
/// some MB of memory. When it wakes it catches up (Note [A decoder that comes later]). Then it decodes all, until it
/// goes to sleep again and gives what it still holds.
///
/// One thread.
class KeyDecoding {
 public:
  enum class Step : std::uint8_t {
    Decode,
    DecodeAlone,  // decode it alone, and drain the decoder
    CatchUp,      // replay the packets up to this one
    Sleep,        // drain the decoder, and do not decode this packet
    Wait          // do not decode it
  };

  /// Makes it decode keyframes only if it `sleeps`; else every packet is decoded.
  explicit KeyDecoding(bool sleeps) : sleeps_(sleeps) {}

  [[nodiscard]] bool sleeps() const noexcept { return sleeps_; }
  /// Whether the next packet is not decoded, unless it is a keyframe or wakes the decoder.
  [[nodiscard]] bool is_asleep() const noexcept { return sleeps_ && state_ == State::Asleep; }
  /// A new connection, with a new decoder.
  void connect() noexcept {
    state_ = sleeps_ ? State::Asleep : State::Awake;
    fruitless_ = 0;
  }
  /// Decides about a packet. `awake`: all packets are decoded. `is_kept`: the packets before it are kept.
  [[nodiscard]] Step step(bool key, bool awake, bool is_kept) noexcept {
    if (!sleeps_) return Step::Decode;
    if (state_ == State::Awake) {
      // A keyframe is decoded in any case, and those after it are not a sleeping decoder's.
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
  /// Does the work of Decoder::receive(). After finish() End comes.
  [[nodiscard]] Decoder::Result receive(Decoder& decoder, AVFrame& frame) {
    if (is_asleep()) return Decoder::Result::NeedsPacket;
    const auto result = decoder.receive(frame);
    if (result == Decoder::Result::Frame) fruitless_ = 0;
    if (result != Decoder::Result::End || state_ != State::Draining) return result;
    decoder.rest();
    state_ = State::Asleep;
    return Decoder::Result::NeedsPacket;
  }
  /// Does the work of Decoder::finish().
  void finish(Decoder& decoder) {
    if (state_ != State::Awake) return;
    decoder.finish();
    state_ = State::Ending;
  }
  /// Whether several successive keyframes have given no picture by themselves, as in a stream that renews its
  /// pictures in parts. Returns true once.
  [[nodiscard]] bool find_fruitless() noexcept {
    constexpr int kMost = 3;  // with the newest, which may still give one
    return fruitless_ > kMost && !std::exchange(fruitless_found_, true);
  }

 private:
  enum class State : std::uint8_t { Asleep, Draining, Awake, Ending };

  const bool sleeps_;
  State state_ = State::Asleep;
  int fruitless_ = 0;             // keyframes since the last picture
  bool fruitless_found_ = false;  // by find_fruitless()
};

}  // namespace freshframe::media

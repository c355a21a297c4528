// Decodes the key pictures of a live stream only, until it is woken.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/decoder.hpp"

namespace freshframe::media {

/// Note [A decoder that sleeps]
/// A key picture goes to the decoder by itself: the decoder is opened for it, drained and put to rest. One that waits
/// for more packets gives a key picture up to two groups of pictures late where pictures are reordered, and takes
/// some MB of memory. The packets since the last key picture are kept, so that a decoder that wakes begins with
/// that one at once. Of the pictures up to now it gives the newest only, because older ones would flood every queue
/// below. Then it decodes all, until it goes to sleep again and gives what it still holds.
///
/// One thread.
class KeyDecoding {
 public:
  static constexpr std::size_t kMostBytes = 16U << 20U;  // of packets since the last key picture

  /// Makes it decode key pictures only if it `sleeps`; else every packet is decoded.
  explicit KeyDecoding(bool sleeps) : sleeps_(sleeps) {}

  [[nodiscard]] bool sleeps() const noexcept { return sleeps_; }
  /// Now: the next packet is not decoded, unless it is a key picture or one that wakes the decoder.
  [[nodiscard]] bool is_asleep() const noexcept { return sleeps_ && state_ == State::Asleep; }
  /// A new connection, with a new decoder.
  void connect() noexcept;
  /// As Decoder::send(). nullopt: the packet was kept and not decoded. `awake`: all packets are decoded.
  [[nodiscard]] std::optional<bool> send(Decoder& decoder, AVPacket& packet, TimePoint captured, bool key,
                                         bool awake);
  /// As Decoder::receive(). After finish() End comes.
  [[nodiscard]] Decoder::Result receive(Decoder& decoder, AVFrame& frame);
  /// As Decoder::finish().
  void finish(Decoder& decoder);
  /// The packets since the last key picture were more than kMostBytes: wake() waits for the next one. Once.
  [[nodiscard]] bool has_overflowed() noexcept;
  /// Some key pictures in a row have given no picture by themselves, as those of a stream that renews its pictures in
  /// parts. Once.
  [[nodiscard]] bool is_fruitless() noexcept;

 private:
  enum class State : std::uint8_t { Asleep, Draining, Awake, Ending };
  struct Kept {
    AvPacketPtr packet;
    TimePoint captured{};
  };

  void keep(const AVPacket& packet, TimePoint captured, bool key);
  void catch_up(Decoder& decoder);
  [[nodiscard]] bool was_given(const AVFrame& frame) const noexcept;
  void note_given(const AVFrame& frame) noexcept;

  const bool sleeps_;
  State state_ = State::Asleep;
  std::deque<Kept> kept_;  // from the last key picture on; empty: there was none, or they were too many
  std::size_t bytes_ = 0;
  bool overflowed_ = false;
  int fruitless_ = 0;            // key pictures since the last picture
  bool fruitless_told_ = false;  // by is_fruitless()
  AvFramePtr newest_;            // of catching up, to be given
  bool has_newest_ = false;
  bool passes_over_ = false;           // pictures that were given before the wake
  std::optional<std::int64_t> given_;  // the time of the last picture that was given, in ticks
  TimePoint given_captured_{};
};

}  // namespace freshframe::media

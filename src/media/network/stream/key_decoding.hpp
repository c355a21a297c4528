// Decodes the key pictures of a live stream only, until somebody wakes it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/decoder.hpp"

// Decides with which packet of a connection decoding begins.

extern "C" {
#include <libavcodec/codec_id.h>
}

namespace freshframe::media {

/// At a key picture. But there are streams that never have one (their pictures are renewed in parts), and
/// those whose key pictures no parser recognises. So after a while all packets pass, and the decoder begins
/// where it can. One thread.
class KeyGate {
 public:
  /// `patience`: seconds without a key picture.
  explicit KeyGate(double patience) : patience_(patience) {}

  /// Whether this packet goes to the decoder. When one has, all later ones do.
  bool passes(bool is_key, TimePoint arrived) noexcept {
    if (!first_) first_ = arrived;
    open_ = open_ || is_key || Seconds(arrived - *first_).count() >= patience_;
    return open_;
  }
  /// Where no key picture and no other has come: for so long that pictures with gaps are better than none.
  [[nodiscard]] bool gives_up(TimePoint arrived) const noexcept {
    return first_ && Seconds(arrived - *first_).count() >= kLongest;
  }

  /// Seconds. A camera with few key pictures has sent one by then.
  static constexpr double kLongest = 10;

 private:
  double patience_;
  std::optional<TimePoint> first_;
  bool open_ = false;
};

/// Seconds that a stream without key pictures is held back. Most decoders return no picture before one that
/// they can make whole. Some make pictures out of nothing: those wait until a camera with few key pictures
/// has sent one.
[[nodiscard]] inline double key_patience(AVCodecID codec) noexcept {
  constexpr double kUsual = 2;
  const bool invents = codec == AV_CODEC_ID_HEVC || codec == AV_CODEC_ID_MPEG4 || codec == AV_CODEC_ID_H263;
  return invents ? KeyGate::kLongest : kUsual;
}

/// Whether a packet begins with a key frame, by its uncompressed header (VP9 Bitstream & Decoding Process
/// Specification, section 6.2). FFmpeg's RTP reader does not say.
[[nodiscard]] inline bool is_vp9_key(std::span<const std::uint8_t> packet) noexcept {
  if (packet.empty() || packet[0] >> 6 != 2) return false;  // frame_marker
  constexpr int kHighest = 3;
  const int profile = (packet[0] >> 5 & 1) | (packet[0] >> 3 & 2);
  const int reserved = profile == kHighest ? 1 : 0;
  const bool shows_existing = (packet[0] >> (3 - reserved) & 1) != 0;
  const bool is_inter = (packet[0] >> (2 - reserved) & 1) != 0;
  return !shows_existing && !is_inter;
}

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

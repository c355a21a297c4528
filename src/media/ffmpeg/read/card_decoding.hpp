// The part of a decoder that a graphics card does.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "media/device/card.hpp"
#include "media/device/decoder_wish.hpp"
#include "media/ffmpeg/log.hpp"
#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Note [A decoder on a card]
/// FFmpeg's own decoders parse the stream and order its pictures, on a card as on the CPU. They ask by get_format where
/// to decode, at first and at each change of size. The answer here is the card, or nothing: then the packet fails, and
/// Decoder gives it to a new decoder on the CPU. FFmpeg would go on by itself, with one thread and without a word.
///
/// A card that has failed stays failed for FFmpeg. After two errors in a row the card is given up, and Decoder goes on at
/// the next keyframe.
///
/// One thread.
class CardDecoding {
 public:
  /// Returns null if the card does not decode the stream, with the reason in `place`; for a Demand it throws CardRefused.
  [[nodiscard]] static std::unique_ptr<CardDecoding> open(const DecoderWish& wish,
                                                          const AVCodecParameters& parameters,
                                                          DecoderPlace& place);

  CardDecoding(std::shared_ptr<Card> card, const AVCodec& codec, const DecoderWish& wish)
      : card_(std::move(card)),
        codec_(codec),
        is_demand_(wish.kind == DecoderWish::Kind::Demand),
        stays_(wish.stays) {}

  /// The decoder that knows the card: of AV1 it is another one than that on the CPU.
  [[nodiscard]] const AVCodec& codec() const noexcept { return codec_; }
  [[nodiscard]] std::string name() const { return card_->name(); }
  /// Before the codec is opened. This object outlives it.
  void prepare(AVCodecContext& codec);

  /// Does the work of avcodec_send_packet().
  [[nodiscard]] int send(AVCodecContext& codec, const AVPacket& packet, TimePoint captured);
  /// Begins the end: packets come no longer.
  [[nodiscard]] int finish(AVCodecContext& codec);
  /// Does the work of avcodec_receive_frame(). The picture has the time of its packet. It is in the host's memory, unless it
  /// stays on the card, which has memory for it.
  [[nodiscard]] int receive(AVCodecContext& codec, AVFrame& frame);
  /// Another connection's packets come next.
  void begin_stream() noexcept {
    failures_ = 0;
    sent_.clear();
  }
  /// Returns how many pictures were brought into the host's memory since the call before.
  [[nodiscard]] std::uint64_t take_downloads() noexcept { return std::exchange(downloads_, 0); }
  /// Returns for how many seconds the thread has waited in send(), finish() and receive() since the call before: without a
  /// processor, thus for the card. A clock of processor time may tick in coarse steps: what is below 0 is kept.
  [[nodiscard]] double take_wait() noexcept { return wait_ > 0 ? std::exchange(wait_, 0) : 0; }

  /// Whether the card is given up.
  [[nodiscard]] bool is_over() const noexcept { return !reason_.empty(); }
  [[nodiscard]] bool is_demand() const noexcept { return is_demand_; }
  /// Returns the reason, "cuda:0: ...". For a Demand it throws CardRefused with the reason.
  [[nodiscard]] std::string give_up() const;

 private:
  static AVPixelFormat choose(AVCodecContext* codec, const AVPixelFormat* formats) noexcept;
  [[nodiscard]] AVPixelFormat choose_card(const AVCodecContext& codec, const AVPixelFormat* formats);
  [[nodiscard]] int hand_over(AVCodecContext& codec, const AVPacket* packet);
  void note_packet(std::int64_t pts, TimePoint captured);
  void restore_time(AVFrame& frame);
  [[nodiscard]] int copy_picture(const AVFrame& from, AVFrame& to);
  [[nodiscard]] int copy_to_host(const AVFrame& from, AVFrame& to) const;
  void note(int result);
  void note_end();
  void show(const FfmpegErrorCapture& errors, int result) const;

  struct Sent {
    std::int64_t pts;
    TimePoint captured;
  };

  const std::shared_ptr<Card> card_;
  const AVCodec& codec_;
  const bool is_demand_;
  const bool stays_;
  std::uint64_t downloads_ = 0;
  double wait_ = 0;      // seconds
  Card::Stream chosen_;  // the stream for which FFmpeg was answered with the card
  int failures_ = 0;     // in a row
  std::string reason_;   // it is over
  std::deque<Sent> sent_;
};

}  // namespace freshframe::media

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
#include "media/ffmpeg/ptr.hpp"

namespace freshframe::media {

/// Note [A decoder on a card]
/// FFmpeg's own decoders parse the stream and order its pictures, on a card as on the processor. They ask by get_format where
/// to decode, at first and at each change of size. The answer here is the card, or nothing: then the packet fails, and
/// Decoder gives it to a new decoder on the processor. FFmpeg would go on by itself, with one thread and without a word.
///
/// A card that has failed stays failed for FFmpeg. After two errors of it in a row the card is given up, and Decoder goes on at
/// the next keyframe.
///
/// One thread.
class CardDecoding {
 public:
  /// Returns null if the card does not decode the stream, with the reason in `place`; for a Demand it throws CardRefused.
  [[nodiscard]] static std::unique_ptr<CardDecoding> open(const DecoderWish& wish,
                                                          const AVCodecParameters& parameters,
                                                          DecoderPlace& place);

  CardDecoding(std::shared_ptr<Card> card, const AVCodec& codec, bool is_demand)
      : card_(std::move(card)), codec_(codec), is_demand_(is_demand) {}

  /// The decoder that knows the card: of AV1 it is another one than that on the processor.
  [[nodiscard]] const AVCodec& codec() const noexcept { return codec_; }
  [[nodiscard]] std::string name() const { return card_->name(); }
  /// Before the codec is opened. This object outlives it.
  void prepare(AVCodecContext& codec);

  /// A packet goes to the decoder.
  void note_packet(std::int64_t pts, TimePoint captured);
  /// Takes the result of a call of FFmpeg. A picture is brought into the host's memory, with the time of its packet.
  /// Returns the result, or another error.
  [[nodiscard]] int take(int result, AVFrame& frame);
  void note(int result);

  /// Whether the card is given up.
  [[nodiscard]] bool is_over() const noexcept { return !reason_.empty(); }
  /// Returns the reason, "cuda:0: ...". For a Demand it throws CardRefused with the reason.
  [[nodiscard]] std::string give_up() const;

 private:
  static AVPixelFormat choose(AVCodecContext* codec, const AVPixelFormat* formats) noexcept;
  [[nodiscard]] AVPixelFormat choose_card(const AVCodecContext& codec, const AVPixelFormat* formats);
  void restore_time(AVFrame& frame);

  struct Sent {
    std::int64_t pts;
    TimePoint captured;
  };

  const std::shared_ptr<Card> card_;
  const AVCodec& codec_;
  const bool is_demand_;
  bool was_chosen_ = false;  // for the present size
  int failures_ = 0;         // in a row
  std::string reason_;       // it is over
  std::deque<Sent> sent_;
};

}  // namespace freshframe::media

// Decoding on a GPU.
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

/// Note [A decoder on a GPU]
/// FFmpeg's decoders parse the stream and order its frames, on the GPU as on the CPU. They call get_format to
/// choose where to decode, at the start and at each change of size. The callback returns the GPU format or
/// none: then the packet fails, and Decoder sends it to a new CPU decoder. Otherwise FFmpeg would silently
/// continue on the CPU with a single thread.
///
/// After a GPU failure FFmpeg cannot recover. After two errors in a row the GPU is abandoned, and Decoder
/// continues at the next keyframe.
///
/// Not thread-safe.
class CardDecoding {
 public:
  /// Returns null if the GPU does not decode the stream, with the reason in `place`. Throws CardRefused for
  /// Demand.
  [[nodiscard]] static std::unique_ptr<CardDecoding> open(const DecoderWish& wish,
                                                          const AVCodecParameters& parameters,
                                                          DecoderPlace& place);

  CardDecoding(std::shared_ptr<Card> card, const AVCodec& codec, const DecoderWish& wish)
      : card_(std::move(card)),
        codec_(codec),
        is_demand_(wish.kind == DecoderWish::Kind::Demand),
        stays_(wish.stays) {}

  /// The decoder that supports the GPU. For AV1 this is not the one used on the CPU.
  [[nodiscard]] const AVCodec& codec() const noexcept { return codec_; }
  [[nodiscard]] std::string name() const { return card_->name(); }
  /// Call before opening the codec. This object must outlive `codec`.
  void prepare(AVCodecContext& codec);

  /// Calls avcodec_send_packet().
  [[nodiscard]] int send(AVCodecContext& codec, const AVPacket& packet, TimePoint captured);
  /// Call at the end of the packets, to drain the decoder.
  [[nodiscard]] int finish(AVCodecContext& codec);
  /// Calls avcodec_receive_frame(). The frame gets the capture time of its packet. It is in host memory,
  /// unless it stays on the GPU and there is memory for it.
  [[nodiscard]] int receive(AVCodecContext& codec, AVFrame& frame);
  /// Call before packets of another connection.
  void begin_stream() noexcept {
    failures_ = 0;
    sent_.clear();
  }
  /// Returns the number of copies to host memory since the last call.
  [[nodiscard]] std::uint64_t take_downloads() noexcept { return std::exchange(downloads_, 0); }
  /// Returns the seconds since the last call that the thread spent off the CPU in send(), finish() and
  /// receive(), that is, waiting for the GPU. CPU-time clocks may be coarse, so negative values are carried
  /// over.
  [[nodiscard]] double take_wait() noexcept { return wait_ > 0 ? std::exchange(wait_, 0) : 0; }

  /// Returns true if the GPU was abandoned.
  [[nodiscard]] bool is_over() const noexcept { return !reason_.empty(); }
  [[nodiscard]] bool is_demand() const noexcept { return is_demand_; }
  /// Returns why the GPU was abandoned, as "cuda:0: ...". With Demand, throws CardRefused with that message.
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
  Card::Stream chosen_;  // the stream for which the GPU format was chosen
  int failures_ = 0;     // in a row
  std::string reason_;   // empty while the GPU is used
  std::deque<Sent> sent_;
};

}  // namespace freshframe::media

// Decodes packets of one stream into AVFrames.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "media/device/decoder_wish.hpp"
#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/card_decoding.hpp"

namespace freshframe::media {

struct DecoderSettings {
  int threads = 1;
  /// For live sources: no frame threads, because each adds a frame of latency, and no reordering delay unless
  /// the stream declares it.
  bool low_delay = false;
  /// For still images: treats an incomplete image as an error. For video, an incomplete frame is better than
  /// none.
  bool strict = false;
  /// Not for still images. With a GPU, `threads` applies only to the CPU.
  DecoderWish wish = {};
};

/// Not thread-safe, but FFmpeg uses threads of its own. Alternate send() and receive() until NeedsPacket.
/// After rest() only send() and context() may be called.
class Decoder {
 public:
  enum class Result { Frame, NeedsPacket, Damaged, End };

  /// 8192 x 8192: the largest image that a header may make this process allocate. Changed by FFmpeg's option
  /// max_pixels.
  static constexpr std::int64_t kMostPixels = std::int64_t{8192} * 8192;

  /// Removes the entries that the codec has used from `options`. Throws Error, and CardRefused if the
  /// GPU that Demand requires cannot be used. If that GPU fails later, packets are no longer accepted:
  /// receive() returns the frames so far, then throws CardRefused.
  Decoder(const AVStream& stream, const DecoderSettings& settings, Dictionary& options);
  /// For packets without a demuxer. Timestamps are in units of `time_base`.
  Decoder(const AVCodecParameters& parameters, AVRational time_base, const DecoderSettings& settings,
          Dictionary& options);

  /// Returns max_pixels from the user's options, or the default.
  [[nodiscard]] static std::string most_pixels(const std::map<std::string, std::string>& options);

  /// `captured` is returned by read_captured() for frames of this packet. Returns false if the packet was
  /// damaged: continue with the next one. With `strict`, send() and receive() throw Error for intact images
  /// of a kind that FFmpeg cannot decode.
  [[nodiscard]] bool send(AVPacket& packet, TimePoint captured);
  /// Call after the last packet: receive() returns the remaining frames, then End.
  void finish();
  [[nodiscard]] Result receive(AVFrame& frame);
  /// Returns why the last packet or frame was damaged; empty if none was.
  [[nodiscard]] std::string failure() const;
  /// Call after End or a seek, before sending packets again.
  void restart();
  /// Returns true if this decoder may decode another connection's packets, after begin_again(): it runs on a
  /// GPU, where opening a decoder takes 0.1 s, and the stream is the same. (For H.264 FFmpeg opens a new
  /// decoder after each end of stream.)
  [[nodiscard]] bool goes_on_with(const AVCodecParameters& parameters, AVRational time_base) const;
  void begin_again();
  /// Frees the decoder's memory and all frames in it. The next send() reopens the decoder, and may throw
  /// Error.
  void rest();
  /// Decodes the next packet with a new decoder, after the frames of the old one. Does nothing after rest().
  void renew();

  /// The capture time passed to send() with this frame's packet.
  [[nodiscard]] static TimePoint read_captured(const AVFrame& frame);
  /// Makes the decoder also return frames that follow no keyframe, which may be incomplete.
  void show_incomplete() noexcept {
    incomplete_ = true;
    codec_->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
  }
  /// Returns true if the decoder concealed errors in this frame. After show_incomplete(), a missing keyframe
  /// is not an error.
  [[nodiscard]] bool is_damaged(const AVFrame& frame) const noexcept {
    return (!incomplete_ && (frame.flags & AV_FRAME_FLAG_CORRUPT) != 0) || frame.decode_error_flags != 0;
  }
  [[nodiscard]] const AVCodecContext& context() const noexcept { return *codec_; }
  [[nodiscard]] bool has_card() const noexcept { return card_ != nullptr; }
  /// Returns why the GPU was abandoned, or an empty string. With Demand, throws CardRefused with that
  /// message.
  [[nodiscard]] std::string card_failure() const {
    return card_ && card_->is_over() ? card_->give_up() : std::string();
  }
  /// Returns where packets are decoded, once after each change, otherwise null. For a GPU this is known from
  /// the first frame on.
  [[nodiscard]] std::unique_ptr<DecoderPlace> take_place() noexcept { return std::move(new_place_); }
  /// Returns the number of copies from the GPU to host memory since the last call.
  [[nodiscard]] std::uint64_t take_downloads() noexcept {
    return std::exchange(downloads_, 0) + (card_ ? card_->take_downloads() : 0);
  }
  /// Returns the seconds that the thread waited for the GPU since the last call.
  [[nodiscard]] double take_card_wait() noexcept {
    return std::exchange(card_wait_, 0) + (card_ ? card_->take_wait() : 0);
  }

 private:
  void set_up();
  void open(Dictionary& options);
  [[nodiscard]] bool send_to_card(AVPacket& packet, TimePoint captured);
  [[nodiscard]] bool hand_over(AVPacket& packet, TimePoint captured);
  [[nodiscard]] Result take(AVFrame& frame);
  void end_on_card();
  void leave_card();
  /// Detaches the GPU, and keeps the reason for take_place(). Throws CardRefused for Demand.
  [[nodiscard]] std::unique_ptr<CardDecoding> drop_card();
  void exchange();
  void look_at_picture(AVPacket& packet);
  void fail(int result);

  CodecParametersPtr parameters_;
  const AVRational time_base_;
  const DecoderSettings settings_;
  Dictionary options_;                  // the user's options; each opening uses a copy
  std::unique_ptr<CardDecoding> card_;  // null while the CPU decodes
  std::unique_ptr<DecoderPlace> new_place_;
  std::uint64_t downloads_ = 0;  // copies from a GPU that was abandoned
  double card_wait_ = 0;         // seconds spent waiting for a GPU that was abandoned
  CodecPtr codec_;               // refers to card_
  bool open_ = false;
  bool incomplete_ = false;  // show_incomplete()
  bool has_card_picture_ = false;
  bool finishing_ = false;
  int failures_in_row_ = 0;
  int last_failure_ = 0;   // FFmpeg's code
  std::string hindrance_;  // with `strict`: why FFmpeg may reject the image, other than damage
  int orientation_ = 0;    // with `strict`: Exif orientation of a TIFF; 0 if unknown
  // with `strict`: the page of a TIFF that the user's options select; -1 if not read yet
  std::int64_t page_ = -1;
  std::deque<AvFramePtr> ahead_;  // frames of previous decoders; null stands for a damaged frame
};

}  // namespace freshframe::media

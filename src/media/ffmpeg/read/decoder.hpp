// Turns packets of one stream into FFmpeg's frames.
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
  /// For live sources: no frame threads, because each adds a frame of age, and no delay for reordering that
  /// the stream does not announce.
  bool low_delay = false;
  /// For pictures: half of one is an error, where half of a video's frame is better than nothing.
  bool strict = false;
  /// Not of pictures. With a card `threads` holds for the CPU alone.
  DecoderWish wish = {};
};

/// One decoder. One thread calls it; libav adds its own. Alternate send() and receive() until NeedsPacket. At rest
/// nothing but send() and context() may be called.
class Decoder {
 public:
  enum class Result { Frame, NeedsPacket, Damaged, End };

  /// 8192 x 8192: the largest picture that a header may make this process allocate. FFmpeg's option
  /// max_pixels changes it.
  static constexpr std::int64_t kMostPixels = std::int64_t{8192} * 8192;

  /// Removes from `options` the entries that the codec has used. Throws Error, and CardRefused for a wish that is a Demand.
  /// A demanded card that fails later takes packets no longer: receive() returns the frames so far, and then throws
  /// CardRefused.
  Decoder(const AVStream& stream, const DecoderSettings& settings, Dictionary& options);
  /// For packets without a demuxer. Times are in units of `time_base`.
  Decoder(const AVCodecParameters& parameters, AVRational time_base, const DecoderSettings& settings,
          Dictionary& options);

  /// The value of max_pixels in a user's options, or else the limit.
  [[nodiscard]] static std::string most_pixels(const std::map<std::string, std::string>& options);

  /// `captured` comes back from read_captured() of the frames made of this packet. False means damaged, continue.
  /// With `strict`, send() and receive() throw Error for a picture that is not damaged, but of a kind that
  /// FFmpeg does not decode.
  [[nodiscard]] bool send(AVPacket& packet, TimePoint captured);
  /// No more packets: receive() returns the remaining frames, then End.
  void finish();
  [[nodiscard]] Result receive(AVFrame& frame);
  /// The reason why the last packet or frame was damaged; empty means none was.
  [[nodiscard]] std::string failure() const;
  /// After End or a seek: ready for packets again.
  void restart();
  /// Whether it may go on with another connection's packets, after begin_again(): it decodes on a card, on which another
  /// decoder takes 0.1 s to open, and the stream is the same. Of H.264 FFmpeg opens another one after each end.
  [[nodiscard]] bool goes_on_with(const AVCodecParameters& parameters, AVRational time_base) const;
  void begin_again();
  /// Gives its memory back, with all that it holds: the next send() opens it again, and may throw Error then.
  void rest();
  /// The next packet goes to a new decoder. Frames that the old one holds come first. At rest it does nothing.
  void renew();

  /// The time at which the packet of this frame was read, as given to send().
  [[nodiscard]] static TimePoint read_captured(const AVFrame& frame);
  /// From now on also frames that follow no keyframe, which may have gaps.
  void show_incomplete() noexcept {
    incomplete_ = true;
    codec_->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
  }
  /// The decoder concealed errors in this frame. After show_incomplete(), a frame that follows no keyframe does not
  /// count.
  [[nodiscard]] bool is_damaged(const AVFrame& frame) const noexcept {
    return (!incomplete_ && (frame.flags & AV_FRAME_FLAG_CORRUPT) != 0) || frame.decode_error_flags != 0;
  }
  [[nodiscard]] const AVCodecContext& context() const noexcept { return *codec_; }
  [[nodiscard]] bool has_card() const noexcept { return card_ != nullptr; }
  /// Returns the reason why the card was given up, or nothing. For a demand it throws that as CardRefused.
  [[nodiscard]] std::string card_failure() const {
    return card_ && card_->is_over() ? card_->give_up() : std::string();
  }
  /// Returns the place where it decodes, once after each change, or null. On a card it is known from the first picture on.
  [[nodiscard]] std::unique_ptr<DecoderPlace> take_place() noexcept { return std::move(new_place_); }
  /// Returns how many pictures came from a card into the host's memory since the call before.
  [[nodiscard]] std::uint64_t take_downloads() noexcept {
    return std::exchange(downloads_, 0) + (card_ ? card_->take_downloads() : 0);
  }
  /// Returns for how many seconds the thread has waited for a card since the call before.
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
  /// Takes the card out and keeps the reason for the next frame's place. Throws CardRefused for a demand.
  [[nodiscard]] std::unique_ptr<CardDecoding> drop_card();
  void exchange();
  void look_at_picture(AVPacket& packet);
  void fail(int result);

  CodecParametersPtr parameters_;
  const AVRational time_base_;
  const DecoderSettings settings_;
  Dictionary options_;                  // as given: each opening uses a copy
  std::unique_ptr<CardDecoding> card_;  // null while the CPU decodes
  std::unique_ptr<DecoderPlace> new_place_;
  std::uint64_t downloads_ = 0;  // from a card that was given up
  double card_wait_ = 0;         // for such a card, in seconds
  CodecPtr codec_;               // refers to card_
  bool open_ = false;
  bool incomplete_ = false;  // show_incomplete()
  bool has_card_picture_ = false;
  bool finishing_ = false;
  int failures_in_row_ = 0;
  int last_failure_ = 0;    // FFmpeg's code
  std::string hindrance_;   // `strict`: the reason, other than damage, why FFmpeg may refuse the picture
  int orientation_ = 0;     // `strict`: of a TIFF, see Exif; 0 if unknown
  std::int64_t page_ = -1;  // `strict`: page of a TIFF by the user's option; -1 if not read yet
  std::deque<AvFramePtr> ahead_;  // of decoders before this one; a null is a damaged frame
};

}  // namespace freshframe::media

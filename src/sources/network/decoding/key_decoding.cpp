// decode="keyframes": decodes only the keyframes of a live stream, until it is woken.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/clock.hpp"
#include "freshframe/error.hpp"
#include "freshframe/log.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "sources/network/decoding/decoding_mode.hpp"
#include "sources/network/decoding/wake_limit.hpp"

namespace freshframe::media {

namespace {

/// Note [A decoder that sleeps]
/// Each keyframe is decoded on its own: the decoder is opened, drained and closed. Otherwise, with
/// reordering, a keyframe would be returned up to two groups of pictures late, and the decoder would keep
/// some MB of memory. When woken it catches up (Note [A decoder that starts later]) and decodes everything,
/// until it goes back to sleep and returns the frames it still holds.
class KeyDecoding final : public DecodingMode {
 public:
  KeyDecoding(std::string title, std::string url)
      : DecodingMode(std::numeric_limits<std::size_t>::max()),
        title_(std::move(title)),
        url_(std::move(url)) {}

  void begin() override;
  void rest(Decoder& decoder) override { decoder.rest(); }
  void finish(Decoder& decoder) override;

  /// A decoder that wakes replays the packets, in send().
  [[nodiscard]] bool replays(const AVPacket& /*packet*/, const ArrivedPacket& /*arrived*/,
                             bool /*at_rest*/) override {
    return false;
  }
  void leave_out(const AVPacket& /*packet*/, const ArrivedPacket& /*arrived*/) override {}
  [[nodiscard]] std::optional<bool> send(Decoder& decoder, AVPacket& packet, const ArrivedPacket& arrived,
                                         TimePoint now) override;
  [[nodiscard]] Decoder::Result receive(Decoder& decoder, AVFrame& frame) override;

  [[nodiscard]] bool must_begin() const noexcept override { return false; }
  [[nodiscard]] bool is_asleep() const noexcept override { return state_ == State::Asleep; }
  [[nodiscard]] bool counts_on_arrival() const noexcept override { return true; }
  /// Intact keyframes that yield no frame on their own, as with intra refresh, are not the connection's
  /// fault.
  [[nodiscard]] bool expects_frames() const noexcept override { return false; }
  void go_on_without_key(Decoder& decoder) override;
  void wake(std::optional<double> seconds, std::optional<double> until) noexcept override;

 private:
  enum class State : std::uint8_t { Asleep, Draining, Awake, Ending };
  enum class Step : std::uint8_t {
    Decode,
    DecodeAlone,  // decode it on its own, and drain the decoder
    CatchUp,      // replay the packets up to this one
    Sleep,        // drain the decoder, and do not decode this packet
    Wait          // do not decode it
  };

  [[nodiscard]] Step choose_step(bool key, bool awake) noexcept;
  void catch_up(Decoder& decoder, const AVPacket& packet, const ArrivedPacket& arrived);
  void keep(const AVPacket& packet, const ArrivedPacket& arrived);
  void report_fruitless();

  const std::string title_;
  const std::string url_;
  State state_ = State::Asleep;
  WakeLimit limit_;
  int fruitless_ = 0;  // keyframes since the last frame
  bool reported_fruitless_ = false;
};

void KeyDecoding::begin() {
  state_ = State::Asleep;
  fruitless_ = 0;
  group().clear();
}

void KeyDecoding::finish(Decoder& decoder) {
  if (state_ != State::Awake) return;
  decoder.finish();
  state_ = State::Ending;
}

KeyDecoding::Step KeyDecoding::choose_step(bool key, bool awake) noexcept {
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
  if (!awake || group().is_empty()) return Step::Wait;
  state_ = State::Awake;
  return Step::CatchUp;
}

std::optional<bool> KeyDecoding::send(Decoder& decoder, AVPacket& packet, const ArrivedPacket& arrived,
                                      TimePoint now) {
  const auto step = choose_step(arrived.notes.can_begin, limit_.stay_awake(now, arrived.newest_pts));
  if (step == Step::CatchUp) catch_up(decoder, packet, arrived);
  keep(packet, arrived);
  std::optional<bool> taken;
  if (step == Step::CatchUp) taken = true;
  if (step == Step::Decode || step == Step::DecodeAlone) taken = decoder.send(packet, arrived.captured);
  if (step == Step::DecodeAlone || step == Step::Sleep) decoder.finish();
  report_fruitless();
  return taken;
}

/// Wakes the decoder by sending it the first packet of the replay.
void KeyDecoding::catch_up(Decoder& decoder, const AVPacket& packet, const ArrivedPacket& arrived) {
  static_cast<void>(group().replay(packet, arrived.notes, arrived.captured, arrived.damaged));
  const auto first = group().next();
  if (first) static_cast<void>(decoder.send(*first->packet, first->captured));
}

/// Returns the decoder to sleep after the last frame of a keyframe, or of the time it was awake.
Decoder::Result KeyDecoding::receive(Decoder& decoder, AVFrame& frame) {
  if (is_asleep()) return Decoder::Result::NeedsPacket;
  const auto result = decoder.receive(frame);
  if (result == Decoder::Result::Frame) fruitless_ = 0;
  if (result != Decoder::Result::End || state_ != State::Draining) return result;
  decoder.rest();
  state_ = State::Asleep;
  return Decoder::Result::NeedsPacket;
}

void KeyDecoding::keep(const AVPacket& packet, const ArrivedPacket& arrived) {
  const bool was_full = group().is_full();
  group().add(packet, arrived.notes, arrived.captured, arrived.damaged);
  if (!group().is_full() || (was_full && !arrived.notes.can_begin)) return;
  group().give_up();
  log(LogLevel::Warning, title_ +
                             " has sent 16 MiB since its last keyframe: wake() waits for the next "
                             "one; set a shorter keyframe interval in the camera");
}

/// Logs once if several keyframes in a row yielded no frame on their own, as in streams with intra refresh.
void KeyDecoding::report_fruitless() {
  constexpr int kMost = 3;  // including the newest, which may still yield one
  if (fruitless_ <= kMost || std::exchange(reported_fruitless_, true)) return;
  log(LogLevel::Warning, title_ +
                             " sends keyframes that cannot be decoded by themselves, as with intra "
                             "refresh, so decode=\"keyframes\" shows nothing: use decode=\"all\", or switch "
                             "intra refresh off in the camera. Its packets are still delivered");
}

void KeyDecoding::go_on_without_key(Decoder& /*decoder*/) {
  throw SourceError("lost '" + url_ +
                        "': it sends no keyframes, so decode=\"keyframes\" shows nothing: "
                        "use decode=\"all\", or set a keyframe interval in the camera",
                    url_, EBADMSG);
}

void KeyDecoding::wake(std::optional<double> seconds, std::optional<double> until) noexcept {
  if (until) limit_.wake_until(*until);
  if (seconds) limit_.wake_for(Seconds(*seconds));
}

}  // namespace

std::unique_ptr<DecodingMode> make_key_decoding(std::string title, std::string url) {
  return std::make_unique<KeyDecoding>(std::move(title), std::move(url));
}

}  // namespace freshframe::media

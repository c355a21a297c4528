// Decodes a live source: takes packets, and returns frames with their sequence numbers and damage flags.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/node.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "media/stream/key_gate.hpp"
#include "media/stream/packet_connection.hpp"
#include "media/units/damage.hpp"
#include "sources/network/decoding/decoding_mode.hpp"
#include "sources/network/decoding/fruitless.hpp"
#include "sources/network/decoding/group.hpp"
#include "sources/network/decoding/held_packets.hpp"
#include "sources/network/decoding/live_phase.hpp"

namespace freshframe::media {

struct LivePicture {
  AvFramePtr frame;
  TimePoint captured{};
  std::optional<double> time = {};  // timestamp in seconds
  std::int64_t seq = 0;
  bool damaged = false;
};

/// Decides which packets to decode, numbers frames and flags damaged ones. Counts what is lost, skipped and
/// not decoded. Never blocks, no I/O. Not thread-safe, except wake().
class LiveDecoding {
 public:
  struct Options {
    std::string title;        // source's name in the log
    std::string url;          // for errors, without passwords
    double read_timeout = 5;  // seconds without a frame after which next() and add() throw
    bool keys = false;        // see OpenOptions::decode
    bool leaves_out = false;  // the decoder was configured to skip frames
  };
  /// State of one connection.
  struct Stream {
    Decoder* decoder = nullptr;
    bool counts_pictures = false;  // see PacketConnection
    std::function<std::optional<double>(std::int64_t ticks)> seconds = {};
  };

  explicit LiveDecoding(Options options);

  /// Call for a new connection.
  void connect(Stream stream, TimePoint now);
  void disconnect();

  /// Sends a packet to the decoder. Throws SourceError if no frames can be expected.
  void add(AVPacket& packet, const ArrivedPacket& arrived, const Context& context);
  /// Counts a packet that is not decoded. Call rest() first.
  void leave_out(const AVPacket& packet, const ArrivedPacket& arrived, const Context& context);
  /// Call when the stream has started with a keyframe that was not decoded: losses count from now on.
  void begin_stream() noexcept { note(LiveEvent::Undecoded); }
  /// Returns the next frame of the packets so far, or nullopt if there is none or after a stop. Throws
  /// SourceError.
  [[nodiscard]] std::optional<LivePicture> next(const Context& context);
  /// Call when no frames are wanted any more: drops the frames in the decoder, which later resumes after a
  /// gap.
  void rest(const Context& context);
  /// Call when no more packets arrive: next() then returns the frames in the decoder.
  void finish() { mode_->finish(*stream_.decoder); }
  /// Call when the connection ends. Counts the connection's frames that were not delivered.
  void end_stream(const Unread& unread, const Context& context);

  /// Returns true if the decoder has received no packet since connect() or rest().
  [[nodiscard]] bool is_at_rest() const noexcept { return !has_packets(phase_); }
  /// Returns true if decoding must start now, because not all packets since the last keyframe can be kept.
  [[nodiscard]] bool must_begin() const noexcept { return mode_->must_begin(); }
  /// Returns true while earlier packets are replayed: new packets must wait.
  [[nodiscard]] bool catches_up() const noexcept { return mode_->group().catches_up(); }
  /// Returns true with `keys`.
  [[nodiscard]] bool sleeps() const noexcept { return options_.keys; }
  /// Returns true if the decoder has received packets, but frames are damaged or missing until a keyframe
  /// arrives.
  [[nodiscard]] bool needs_key() const noexcept {
    return has_packets(phase_) && !catches_up() && damage_.is_damaged();
  }
  /// Decodes everything for some seconds, or up to a pts. Only with `keys`. Thread-safe.
  void wake(std::optional<double> seconds, std::optional<double> until) noexcept {
    mode_->wake(seconds, until);
  }

 private:
  void feed(AVPacket& packet, const ArrivedPacket& arrived, const Context& context);
  void decode(AVPacket& packet, const ArrivedPacket& arrived, const Context& context);
  [[nodiscard]] std::optional<bool> send(AVPacket& packet, DecoderResidue::Handling handling,
                                         const ArrivedPacket& arrived, const Context& context);
  void replay(const Group::Item& item, const Context& context);
  [[nodiscard]] AvFramePtr pull(const Context& context);
  [[nodiscard]] bool take(const Context& context);
  [[nodiscard]] std::optional<LivePicture> give(AvFramePtr frame, const Context& context);
  [[nodiscard]] HeldPackets::Taken take_held(const AVFrame& frame);
  void lose_picture();
  void forget(TimePoint now);
  void note_losses(const ArrivedPacket& arrived, const Context& context);
  void count_undecoded(const Context& context);
  void count_missing(const HeldPackets::Taken& notes, const Context& context);
  void count_before(const HeldPackets::Taken& notes, const Context& context);
  void check_fruitful(TimePoint arrived, const Context& context);
  /// Also true if the decoder skips frames, since each packet then holds one frame.
  [[nodiscard]] bool counts_pictures() const noexcept {
    return options_.leaves_out || stream_.counts_pictures;
  }
  void note(LiveEvent event) noexcept { phase_ = after(phase_, event); }

  const Options options_;
  Stream stream_;
  const std::unique_ptr<DecodingMode> mode_;
  KeyGate key_gate_{0};  // of this connection
  HeldPackets held_;
  Damage damage_;           // damage in this connection's packets, as far as the decoder has received them
  DecoderResidue residue_;  // in the decoder
  FruitlessPackets fruitless_;
  LivePhase phase_ = LivePhase::New;
  std::uint64_t first_errors_ = 0;  // errors before a connection's first frame, if frames are counted
  std::int64_t seq_ = -1;           // sequence number of the last frame
  AvFramePtr spare_;                // reused by the next receive()
};

}  // namespace freshframe::media

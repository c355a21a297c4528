// The decoding of a live source: a packet goes in, and pictures come out with their numbers and marks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/node.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "media/stream/key_gate.hpp"
#include "media/stream/packet_connection.hpp"
#include "media/units/damage.hpp"
#include "sources/network/decoding/fruitless.hpp"
#include "sources/network/decoding/group.hpp"
#include "sources/network/decoding/held_packets.hpp"
#include "sources/network/decoding/key_decoding.hpp"
#include "sources/network/decoding/live_phase.hpp"
#include "sources/network/decoding/wake_limit.hpp"

namespace freshframe::media {

struct LivePicture {
  AvFramePtr frame;
  TimePoint captured{};
  std::optional<double> time = {};  // by the stream, in seconds
  std::int64_t seq = 0;
  bool damaged = false;
};

/// Decides which packets the decoder gets, numbers its pictures and marks the damaged ones. Counts what is lost, left out
/// and not decoded. Waits for nothing, and does no I/O. One thread, except for wake().
class LiveDecoding {
 public:
  struct Options {
    std::string title;        // name of the source, in the log
    std::string url;          // without passwords, in errors
    double read_timeout = 5;  // seconds without a picture after which next() and add() throw
    bool keys = false;        // as OpenOptions::decode
    bool leaves_out = false;  // the decoder was asked to leave frames out
  };
  /// The state of one connection.
  struct Stream {
    Decoder* decoder = nullptr;
    bool counts_pictures = false;  // as PacketConnection has it
    std::function<std::optional<double>(std::int64_t ticks)> seconds = {};
  };
  /// The facts about a packet.
  struct Arrived {
    PacketNotes notes;
    TimePoint captured{};
    bool damaged = false;   // its picture, if all packets before it were decoded
    bool is_kept = false;   // a decoder that comes later may begin before it
    double newest_pts = 0;  // newest time of the frames so far, for wake()
  };

  explicit LiveDecoding(Options options);

  /// A new connection.
  void connect(Stream stream, TimePoint now);
  void disconnect();

  /// Gives a packet to the decoder. Throws SourceError if pictures will not come of any.
  void add(AVPacket& packet, const Arrived& arrived, const Context& context);
  /// Counts a packet that is not decoded. Call rest() before it.
  void leave_out(const AVPacket& packet, const Arrived& arrived, const Context& context);
  /// The stream has begun with a key packet that was left out: losses count from now on.
  void begin_stream() noexcept { note(LiveEvent::Undecoded); }
  /// Returns the next picture of the packets so far, or nullopt if it has no picture, or at a stop. Throws
  /// SourceError.
  [[nodiscard]] std::optional<LivePicture> next(const Context& context);
  /// Nobody takes pictures any longer: the pictures that the decoder holds are dropped, and it goes on after a gap.
  void rest(const Context& context);
  /// No more packets come: next() returns the pictures that the decoder holds.
  void finish() { keys_.finish(*stream_.decoder); }
  /// The connection is over. Counts its pictures that were not given.
  void end_stream(const Unread& unread, const Context& context);

  /// Whether the decoder has got no packet since connect() or rest().
  [[nodiscard]] bool is_at_rest() const noexcept { return !has_packets(phase_); }
  /// Whether decoding has to begin now, because the packets since the last keyframe cannot all be kept.
  [[nodiscard]] bool must_begin() const noexcept { return !keys_.sleeps() && group_.is_full(); }
  /// Whether it decodes what has come before: new packets have to wait.
  [[nodiscard]] bool catches_up() const noexcept { return group_.catches_up(); }
  [[nodiscard]] bool sleeps() const noexcept { return keys_.sleeps(); }
  /// Decodes all for some seconds, or up to a pts, if it has `keys`. Any thread.
  void wake(std::optional<double> seconds, std::optional<double> until) noexcept;

 private:
  void feed(AVPacket& packet, const Arrived& arrived, const Context& context);
  void decode(AVPacket& packet, const Arrived& arrived, const Context& context);
  [[nodiscard]] std::optional<bool> send(AVPacket& packet, DecoderResidue::Handling handling,
                                         const Arrived& arrived, const Context& context);
  [[nodiscard]] bool catch_up(const AVPacket& packet, const Arrived& arrived);
  void keep(const AVPacket& packet, const Arrived& arrived);
  void replay(const Group::Item& item, const Context& context);
  [[nodiscard]] AvFramePtr pull(const Context& context);
  [[nodiscard]] bool take(const Context& context);
  [[nodiscard]] std::optional<LivePicture> give(AvFramePtr frame, const Context& context);
  [[nodiscard]] HeldPackets::Taken take_held(const AVFrame& frame);
  void lose_picture();
  void forget(TimePoint now);
  void note_losses(const Arrived& arrived, const Context& context);
  void count_undecoded(const Context& context);
  void count_missing(const HeldPackets::Taken& notes, const Context& context);
  void count_before(const HeldPackets::Taken& notes, const Context& context);
  void check_fruitful(TimePoint arrived, const Context& context);
  void show_without_key();
  /// True even if the decoder leaves frames out: then each packet is a picture that gives a frame or none.
  [[nodiscard]] bool counts_pictures() const noexcept {
    return options_.leaves_out || stream_.counts_pictures;
  }
  void note(LiveEvent event) noexcept { phase_ = after(phase_, event); }

  const Options options_;
  Stream stream_;
  KeyDecoding keys_;
  Group group_;
  WakeLimit limit_;
  KeyGate key_gate_{0};  // gate of this connection
  HeldPackets held_;
  Damage damage_;           // damage of this connection, as the decoder has got it
  DecoderResidue residue_;  // in the decoder
  FruitlessPackets fruitless_;
  LivePhase phase_ = LivePhase::New;
  std::uint64_t first_errors_ = 0;  // before the first frame of a connection that counts pictures
  std::int64_t seq_ = -1;           // number of the last frame
  AvFramePtr spare_;                // for the next receive()
};

}  // namespace freshframe::media

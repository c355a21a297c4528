// Which packets of a live source its decoder receives: all of them, or keyframes only until it is woken.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "media/ffmpeg/ptr.hpp"
#include "media/ffmpeg/read/decoder.hpp"
#include "media/stream/packet_connection.hpp"
#include "sources/network/decoding/group.hpp"

namespace freshframe::media {

/// The facts about a packet.
struct ArrivedPacket {
  PacketNotes notes;
  TimePoint captured{};
  bool damaged = false;   // whether its frame would be damaged even if all earlier packets were decoded
  bool is_kept = false;   // with decode="all": keep it for a decoder that starts later
  double newest_pts = 0;  // highest pts so far, for wake()
};

/// What differs between decode="all" and decode="keyframes". It keeps the packets since the last keyframe,
/// and chooses those that are sent to the decoder. LiveDecoding counts and numbers the frames.
///
/// Not thread-safe, except wake().
class DecodingMode {
 public:
  DecodingMode(const DecodingMode&) = delete;
  DecodingMode& operator=(const DecodingMode&) = delete;
  virtual ~DecodingMode() = default;

  [[nodiscard]] Group& group() noexcept { return group_; }
  [[nodiscard]] const Group& group() const noexcept { return group_; }

  /// Call for a new connection, and after rest(): decoding restarts at a keyframe, or with a replay.
  virtual void begin() = 0;
  /// Drops the frames in the decoder, because no frames are wanted any more.
  virtual void rest(Decoder& decoder) = 0;
  /// Call when no more packets arrive.
  virtual void finish(Decoder& decoder) = 0;

  /// Call for each packet that may be decoded, before send(). `at_rest`: the decoder has received no packet
  /// since begin(). Returns true if a replay has started that includes this packet: do not send it.
  [[nodiscard]] virtual bool replays(const AVPacket& packet, const ArrivedPacket& arrived, bool at_rest) = 0;
  /// Call for each packet that is not decoded because no frames are wanted.
  virtual void leave_out(const AVPacket& packet, const ArrivedPacket& arrived) = 0;
  /// Sends the packet, or the first one of a replay. Returns false if it was damaged, and nullopt for a
  /// packet that is not to be decoded now.
  [[nodiscard]] virtual std::optional<bool> send(Decoder& decoder, AVPacket& packet,
                                                 const ArrivedPacket& arrived, TimePoint now) = 0;
  /// Calls Decoder::receive(). Returns NeedsPacket if the decoder is asleep.
  [[nodiscard]] virtual Decoder::Result receive(Decoder& decoder, AVFrame& frame) = 0;

  /// Returns true if decoding must start now, because not all packets since the last keyframe can be kept.
  [[nodiscard]] virtual bool must_begin() const noexcept = 0;
  /// Returns true if the decoder is asleep: it only receives the next packet if that is a keyframe or wakes
  /// it.
  [[nodiscard]] virtual bool is_asleep() const noexcept = 0;
  /// Returns true if packets were counted when they arrived, even if they are replayed later. Otherwise they
  /// are counted when they are replayed.
  [[nodiscard]] virtual bool counts_on_arrival() const noexcept = 0;
  /// Returns true if a decoder that returns no frames, without an error, proves that the connection is
  /// broken.
  [[nodiscard]] virtual bool expects_frames() const noexcept = 0;
  /// Call if the stream sends no keyframe. Throws SourceError if this mode shows nothing without one.
  virtual void go_on_without_key(Decoder& decoder) = 0;
  /// Decodes everything for some seconds, or up to a pts. Thread-safe.
  virtual void wake(std::optional<double> seconds, std::optional<double> until) noexcept = 0;

 protected:
  explicit DecodingMode(std::size_t most_packets) : group_(most_packets) {}

 private:
  Group group_;
};

/// decode="all".
[[nodiscard]] std::unique_ptr<DecodingMode> make_full_decoding();
/// decode="keyframes". `title`: the source's name in the log. `url`: for errors, without passwords.
[[nodiscard]] std::unique_ptr<DecodingMode> make_key_decoding(std::string title, std::string url);

}  // namespace freshframe::media

// A connection that gives the packets of one video stream, whichever protocol brings them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"
#include "freshframe/media.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "media/ffmpeg/read/decoder.hpp"
#include "media/ffmpeg/read/upright.hpp"
#include "media/stream/camera_clock.hpp"
#include "media/units/damage.hpp"

namespace freshframe::media {

/// The facts about a packet apart from its bytes.
struct PacketNotes {
  TimePoint arrived{};                  // its first byte, by the context's clock
  std::optional<TimePoint> ended = {};  // its last byte, by the same clock, if that is known
  bool arrived_is_end = false;  // `arrived` is when its reading ended: the connection knows no other time
  std::optional<double> waited =
      {};                  // seconds for which the thread that reads has waited for it, if that is known
  double late = 0;         // seconds for which it has waited because its reader is too slow, if that is known
  bool can_begin = false;  // decoding can begin with it: a keyframe
  /// Unix time of this packet by the playlist, in seconds, if that has it.
  std::optional<double> program_time = {};
  /// A report of the camera's clock since the packet before (RTCP).
  std::optional<CameraClock::Report> report = {};
  PictureNotes picture = {};
  std::uint64_t missing = 0;      // pictures before it without any packet
  std::uint64_t dropped = 0;      // pictures before it that have come and were dropped, and counted
  std::string_view ends_by = {};  // see VideoInfo; a literal
  bool repeated = false;          // an earlier connection has brought it; its source sets this
};

/// Pictures of a connection that has ended.
struct Unread {
  std::uint64_t lost = 0;     // they have not come, or only in part, or were not taken
  std::uint64_t dropped = 0;  // see PacketNotes
};

/// The stream is over as it should be: it had an end from the beginning, and all of it has come.
class StreamOver final : public SourceError {
 public:
  using SourceError::SourceError;
};

/// Made by its constructor, which blocks until the streams are known and the decoder is made, and throws
/// SourceError, SourceTimeoutError, SourceRefused. One thread, perhaps with its own threads inside.
class PacketConnection {
 public:
  PacketConnection() = default;
  PacketConnection(const PacketConnection&) = delete;
  PacketConnection& operator=(const PacketConnection&) = delete;
  virtual ~PacketConnection() = default;

  /// Takes a packet. False means it is left as it is, and next() returns it.
  using Direct = std::function<bool(AVPacket& packet, const PacketNotes& notes, const Context& context)>;

  /// Fills `packet` with the next one of the video stream; nullopt means stopped. Counts damaged packets and
  /// stalls. Throws SourceError when the server has closed the connection, StreamOver at the end of a stream
  /// that has one, SourceTimeoutError when it is silent. After nullopt and after an error only the decoder and the
  /// properties can be used.
  [[nodiscard]] virtual std::optional<PacketNotes> next(AVPacket& packet, const Context& context) = 0;

  [[nodiscard]] virtual Decoder& decoder() noexcept = 0;
  /// Gives the decoder away. Nothing else may be called afterwards.
  [[nodiscard]] virtual std::unique_ptr<Decoder> give_decoder() noexcept = 0;
  /// The video as the server declares it; RTSP does not contain the size.
  [[nodiscard]] virtual const VideoInfo& info() const noexcept = 0;
  /// The orientation of its pictures, as the server declares it.
  [[nodiscard]] virtual Turn turn() const noexcept = 0;
  /// The time of a frame or packet; nullopt if the stream has no times.
  [[nodiscard]] virtual std::optional<double> seconds(std::int64_t ticks) const = 0;
  /// The stream has neither times nor a rate.
  [[nodiscard]] virtual bool is_timeless() const = 0;
  /// A playlist (HLS): it arrives in bursts, and a new connection begins with what the last one has brought.
  [[nodiscard]] virtual bool is_bursty() const = 0;
  /// Seconds after which the times in its reports may begin again; 0 means they do not.
  [[nodiscard]] virtual double wrap() const { return 0; }
  /// Whether packets wait for next() as long as there is memory: packets that are not decoded may be old, but none
  /// may be missing. Else the old ones are dropped.
  virtual void set_patient(bool /*patient*/) noexcept {}
  /// Packets may be given to `direct` on another thread, while next() waits, with the context of that call: to hand
  /// them on takes one thread less then.
  virtual void set_direct(const Direct& /*direct*/) {}
  /// Each packet is a picture, and it is known how many did not come.
  [[nodiscard]] virtual bool counts_pictures() const { return false; }
  /// Ends the connection, after an error. Returns, if it counts pictures, the ones with at least one packet that
  /// next() has not returned.
  [[nodiscard]] virtual Unread end_packets() { return {}; }
};

}  // namespace freshframe::media

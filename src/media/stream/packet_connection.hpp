// Interface of connections that deliver the packets of a video stream, for any protocol.
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

/// The capture time that a sender states.
struct StatedTime {
  TimePoint captured{};  // capture time on the machine's monotonic clock
  double error = 0;      // largest error in seconds
};

/// What is known of a packet, apart from its bytes.
struct PacketNotes {
  TimePoint arrived{};                  // arrival of the first byte, on the context's clock
  std::optional<TimePoint> ended = {};  // arrival of the last byte, on the same clock, if known
  // `arrived` is the time at which the packet was completely read, because nothing else is known
  bool arrived_is_end = false;
  std::optional<double> waited = {};  // seconds that the reading thread has waited for the packet, if known
  double late = 0;         // seconds that the packet has waited because its reader is too slow; 0 if unknown
  bool can_begin = false;  // decoding can start here: a keyframe
  /// Unix time of this packet in seconds, if the playlist states it.
  std::optional<double> program_time = {};
  /// Report of the camera's clock (RTCP) since the previous packet.
  std::optional<CameraClock::Report> report = {};
  std::optional<StatedTime> stated = {};
  PictureNotes picture = {};
  std::uint64_t missing = 0;      // earlier frames of which no packet arrived
  std::uint64_t dropped = 0;      // earlier frames that arrived but were dropped, and counted
  std::string_view ends_by = {};  // see VideoInfo; a string literal
  bool repeated = false;          // arrived on an earlier connection; set by the source
};

/// Frames of a closed connection that were not delivered.
struct Unread {
  std::uint64_t lost = 0;     // did not arrive, arrived incompletely, or were not taken
  std::uint64_t dropped = 0;  // see PacketNotes
};

/// Thrown at the regular end of a finite stream, once the whole stream was received.
class StreamOver final : public SourceError {
 public:
  using SourceError::SourceError;
};

/// The constructor blocks until the streams are known and the decoder is created. It throws SourceError,
/// SourceTimeoutError or SourceRefused. Not thread-safe, but may use threads of its own.
class PacketConnection {
 public:
  PacketConnection() = default;
  PacketConnection(const PacketConnection&) = delete;
  PacketConnection& operator=(const PacketConnection&) = delete;
  virtual ~PacketConnection() = default;

  /// Takes a packet. Returns false to leave it to next().
  using Direct = std::function<bool(AVPacket& packet, const PacketNotes& notes, const Context& context)>;

  /// Fills `packet` with the next packet of the video. Returns nullopt after a stop. Counts damaged packets
  /// and stalls. Throws SourceError if the server closed the connection, StreamOver at the end of a finite
  /// stream, and SourceTimeoutError if no data arrives. Afterwards only the decoder and the properties may be
  /// used.
  [[nodiscard]] virtual std::optional<PacketNotes> next(AVPacket& packet, const Context& context) = 0;

  [[nodiscard]] virtual Decoder& decoder() noexcept = 0;
  /// Transfers the decoder to the caller. The connection must not be used afterwards.
  [[nodiscard]] virtual std::unique_ptr<Decoder> give_decoder() noexcept = 0;
  /// The video as declared by the server. RTSP does not declare the size.
  [[nodiscard]] virtual const VideoInfo& info() const noexcept = 0;
  /// Rotation, as declared by the server.
  [[nodiscard]] virtual Turn turn() const noexcept = 0;
  /// Timestamp in seconds of a frame or packet; nullopt if the stream has none.
  [[nodiscard]] virtual std::optional<double> seconds(std::int64_t ticks) const = 0;
  /// Returns true if the stream has neither timestamps nor a frame rate.
  [[nodiscard]] virtual bool is_timeless() const = 0;
  /// Returns true for HLS, which arrives in bursts, and where a new connection starts with data that the last
  /// one received.
  [[nodiscard]] virtual bool is_bursty() const = 0;
  /// Seconds after which timestamps in reports may wrap; 0 for never.
  [[nodiscard]] virtual double wrap() const { return 0; }
  /// If patient, keeps packets for next() as long as memory permits, because packets that are not decoded may
  /// be old, but none may be missing. Otherwise drops old packets.
  virtual void set_patient(bool /*patient*/) noexcept {}
  /// Allows passing packets to `direct` on another thread while next() waits, with the context of that call.
  /// This saves waking a thread.
  virtual void set_direct(const Direct& /*direct*/) {}
  /// Asks the sender for a keyframe, if the protocol can. May be called for each packet.
  virtual void ask_key() {}
  /// Returns true if each packet is one frame and lost frames are counted.
  [[nodiscard]] virtual bool counts_pictures() const { return false; }
  /// Ends the connection after an error. If frames are counted, returns the number of frames with at least
  /// one packet that next() has not returned.
  [[nodiscard]] virtual Unread end_packets() { return {}; }
};

}  // namespace freshframe::media

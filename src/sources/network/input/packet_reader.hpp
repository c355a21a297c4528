// Reads the video packets of an FFmpeg connection: directly, or on a thread that reads ahead.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/media.hpp"
#include "freshframe/stats.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include "media/ffmpeg/ptr.hpp"
#include "media/stream/detached_call.hpp"
#include "media/units/damage.hpp"
#include "sources/live/edge_pace.hpp"
#include "sources/network/input/input.hpp"

namespace freshframe::media {

// Passes packets that were read ahead from the reading thread to the source's thread.

/// The result of one read by FFmpeg. All times are real time.
struct ReadPacket {
  int result = 0;  // FFmpeg's result; negative: `packet` is empty
  AvPacketPtr packet = nullptr;
  double time = 0;                           // decoding timestamp in seconds
  std::optional<double> program_time = {};   // Unix time, if a playlist states it
  std::optional<PictureNotes> picture = {};  // set if FFmpeg's parser did not handle it
  TimePoint arrived{};
  std::optional<TimePoint> ended = {};  // arrival of the packet's last byte, if known
  bool arrived_is_end = false;          // `arrived` is the time when the packet was completely read
  double waited = 0;                    // seconds that FFmpeg spent reading
  std::uint64_t reloads = 0;            // number of reloads of the playlist before this packet
  TimePoint due{};                      // set by pop() for a playlist
  // for a playlist: seconds from when the packet was available and due until pop() was called
  double late = 0;
  /// Time until which a missing next packet is not an outage. Set by pop() for a playlist.
  TimePoint lasts_until{};
};

/// One producer thread, one consumer thread. Holds up to 64 MiB.
class PacketQueue {
 public:
  explicit PacketQueue(Pace pace = Pace::Even) : shown_(pace) {}

  /// Waits while the queue is full. Returns false if it was closed.
  [[nodiscard]] bool push(ReadPacket read);
  /// Waits for the next packet, which may be due later. Returns nullopt if there is none by `until`, or after
  /// a stop.
  [[nodiscard]] std::optional<ReadPacket> pop(TimePoint until, const std::stop_token& stop);
  /// Wakes threads in push().
  void close();

 private:
  static constexpr std::size_t kMostBytes = std::size_t{64} << 20;
  static constexpr std::size_t kMostPackets = 20'000;

  const Pace shown_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<ReadPacket> packets_;  // guarded by mutex_
  std::size_t bytes_ = 0;           // guarded by mutex_
  EdgePace pace_;                   // guarded by mutex_
  bool closed_ = false;             // guarded by mutex_
};

/// Seconds from a stop until a detached call is abandoned. Most calls end immediately, but FFmpeg's own waits
/// take up to 0.1 s, which is too long for a stop.
inline constexpr double kPatience = 0.005;

/// Like kPatience, but after a time limit: longer, so that FFmpeg can report what it was waiting for.
inline constexpr double kPatienceAtLimits = 0.12;

/// Not thread-safe.
class PacketReader {
 public:
  PacketReader() = default;
  PacketReader(const PacketReader&) = delete;
  PacketReader& operator=(const PacketReader&) = delete;
  virtual ~PacketReader() = default;

  /// Returns the next video packet, or FFmpeg's error; nullopt if neither arrived by `deadline` (real time),
  /// or after a stop. Records a stall from `quiet` on.
  [[nodiscard]] virtual std::optional<ReadPacket> next(TimePoint quiet, TimePoint deadline) = 0;
};

/// What all readers need. `aside` runs one call at a time, and must outlive the reader. `keeps_thread`: the
/// thread of `aside` is kept for the next connection (see begin_call()), even if this connection does not
/// need it.
struct ReadingParts {
  std::shared_ptr<LiveInput> input;  // shared with the detached call
  std::optional<DetachedCall>& aside;
  SourceCounters& book;
  std::stop_token stop;
  Pace pace = Pace::Even;  // for playlists
  bool keeps_thread = false;
};

/// Returns the reader for this input. Calls that may open a connection run on their own thread, and are
/// abandoned if they do not return. A playlist is read entirely on such a thread, as fast as possible, so
/// that new segments are found early and packets get their arrival times.
[[nodiscard]] std::unique_ptr<PacketReader> reader_for(ReadingParts parts);

/// Returns true if the call ended before, or shortly after, `deadline` or a stop. Rethrows its exception.
[[nodiscard]] bool has_ended(const DetachedCall& call, TimePoint deadline, const std::stop_token& stop);

}  // namespace freshframe::media

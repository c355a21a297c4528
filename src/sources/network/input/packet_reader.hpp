// How a connection over FFmpeg gets the packets of its video: one by one, or from a thread that reads ahead.
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

// Packets that were read ahead of their time, between the thread that reads a playlist and the source's own.

/// The packet that one call of FFmpeg has read. Times are real ones.
struct ReadPacket {
  int result = 0;  // FFmpeg's; below 0: `packet` is empty
  AvPacketPtr packet = nullptr;
  double time = 0;                           // time of decoding, in the stream: seconds
  std::optional<double> program_time = {};   // Unix time, if a playlist has it
  std::optional<PictureNotes> picture = {};  // set where FFmpeg's parser has not seen it
  TimePoint arrived{};
  std::optional<TimePoint> ended = {};  // arrival of its last byte, if that is known
  bool arrived_is_end = false;          // `arrived` is when its reading ended
  double waited = 0;                    // seconds for which FFmpeg has read
  std::uint64_t reloads = 0;            // reloads of a playlist before it
  TimePoint due{};                      // pop() sets it for a playlist
  double late = 0;  // seconds by which pop() of a playlist was called after it had come and was due
  /// When the next one would be missed: until then, nothing is wrong if none comes. pop() sets it for a playlist.
  TimePoint lasts_until{};
};

/// One thread puts packets in, another takes them out. Holds 64 MiB at most.
class PacketQueue {
 public:
  explicit PacketQueue(Pace pace = Pace::Even) : shown_(pace) {}

  /// Waits while the queue is full. False means it was closed.
  [[nodiscard]] bool push(ReadPacket read);
  /// Waits for the next one; nullopt means none until `until`, or a stop. It may be due later.
  [[nodiscard]] std::optional<ReadPacket> pop(TimePoint until, const std::stop_token& stop);
  /// No thread waits in push() any more.
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

/// Seconds after a stop until a detached call is abandoned. Most calls end at once. FFmpeg's own waits end
/// up to 0.1 s later, and a stop does not wait for them.
inline constexpr double kPatience = 0.005;

/// After a limit, so that FFmpeg says why it has waited.
inline constexpr double kPatienceAtLimits = 0.12;

/// One thread.
class PacketReader {
 public:
  PacketReader() = default;
  PacketReader(const PacketReader&) = delete;
  PacketReader& operator=(const PacketReader&) = delete;
  virtual ~PacketReader() = default;

  /// The next packet of the video, or FFmpeg's error; nullopt means neither came until the real time
  /// `deadline`, or there was a stop. From `quiet` on a stall is recorded.
  [[nodiscard]] virtual std::optional<ReadPacket> next(TimePoint quiet, TimePoint deadline) = 0;
};

/// The parts that all readers use. `aside` holds one call at a time, and outlives the reader. `keeps_thread`: its
/// thread waits for the next connection (see begin_call()), even if this one needs no thread.
struct ReadingParts {
  std::shared_ptr<LiveInput> input;  // shared with the detached call
  std::optional<DetachedCall>& aside;
  SourceCounters& book;
  std::stop_token stop;
  Pace pace = Pace::Even;  // pace of a playlist
  bool keeps_thread = false;
};

/// Returns the reader that this input needs. A call that may connect runs on its own thread, and is abandoned when it
/// does not return. A playlist is read by such a thread alone, as fast as the network gives it: so the newest segment
/// is here early, and its packets have the time of their arrival.
[[nodiscard]] std::unique_ptr<PacketReader> reader_for(ReadingParts parts);

/// Whether a call has ended by a little after `deadline` or a stop. Throws its exception.
[[nodiscard]] bool has_ended(const DetachedCall& call, TimePoint deadline, const std::stop_token& stop);

}  // namespace freshframe::media

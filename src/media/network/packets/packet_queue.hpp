// Packets that were read ahead of their time, between the thread that reads a playlist and the source's own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/media.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>

#include "media/ffmpeg/ptr.hpp"
#include "media/live/edge_pace.hpp"
#include "media/network/stream/damage.hpp"

namespace freshframe::media {

/// What one call of FFmpeg has read. Times are real ones.
struct ReadPacket {
  int result = 0;  // FFmpeg's; below 0: `packet` is empty
  AvPacketPtr packet = nullptr;
  double time = 0;                           // of decoding, in the stream: seconds
  std::optional<double> program_time = {};   // Unix time, if a playlist has it
  std::optional<PictureNotes> picture = {};  // where FFmpeg's parser has not seen it
  TimePoint arrived{};
  std::uint64_t reloads = 0;  // of a playlist before it
  TimePoint due{};            // pop() sets it for a playlist
  /// When the next one would be missed: until then, nothing is wrong if none comes. pop() sets it for a playlist.
  TimePoint lasts_until{};
};

/// One thread puts packets in, another takes them out. Holds 64 MiB at most.
class PacketQueue {
 public:
  explicit PacketQueue(Pace pace = Pace::Even) : shown_(pace) {}

  /// Waits while the queue is full. False: it was closed.
  bool push(ReadPacket read);
  /// Waits for the next one; nullopt: none until `until`, or a stop. It may be due later.
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

}  // namespace freshframe::media

// How a connection over FFmpeg gets the packets of its video: one by one, or from a thread that reads ahead.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/stats.hpp"

#include <memory>
#include <optional>
#include <stop_token>

#include "media/network/detached_call.hpp"
#include "media/network/input/input.hpp"
#include "media/network/packets/packet_queue.hpp"

namespace freshframe::media {

/// Seconds after a stop until a detached call is left behind. Most calls end at once. FFmpeg's own waits end
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

  /// The next packet of the video, or FFmpeg's error; nullopt: neither came until the real time `deadline`,
  /// or there was a stop. From `quiet` on a stall is recorded.
  [[nodiscard]] virtual std::optional<ReadPacket> next(TimePoint quiet, TimePoint deadline) = 0;
};

/// What all readers use. `aside` holds one call at a time, and outlives the reader.
struct ReadingParts {
  std::shared_ptr<LiveInput> input;  // shared with the detached call
  std::optional<DetachedCall>& aside;
  SourceCounters& book;
  std::stop_token stop;
  Pace pace = Pace::Even;  // of a playlist
};

/// The one that this input needs. A call that may connect runs on a thread of its own, and is left behind
/// when it does not return. A playlist is read by such a thread alone, as fast as the network gives it: so
/// the newest segment is here early, and its packets have the time of their arrival.
[[nodiscard]] std::unique_ptr<PacketReader> reader_for(ReadingParts parts);

/// Whether a call has ended by a little after `deadline` or a stop. Throws its exception.
[[nodiscard]] bool has_ended(const DetachedCall& call, TimePoint deadline, const std::stop_token& stop);

}  // namespace freshframe::media

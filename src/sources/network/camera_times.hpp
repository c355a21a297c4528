// Computes the times of a live source's frames: capture time, pts and wall-clock time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/node.hpp"
#include "freshframe/utc.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "media/stream/camera_clock.hpp"
#include "media/stream/live_timeline.hpp"
#include "media/stream/packet_connection.hpp"
#include "sources/live/arrival_line.hpp"

namespace freshframe::media {

// Detects packets that a server sends again at the start of a new connection.

/// While a camera's encoder is dead, the playlist keeps its newest segments, and each new connection receives
/// them again. Their packets are recognised by bytes and timestamps, not timestamps alone, because a
/// restarted encoder may count from 0. Not thread-safe.
class RepeatedPackets {
 public:
  /// Call for a new connection. Only its first packets may be repeated ones.
  void connect() noexcept { may_repeat_ = !known_.empty(); }

  /// Remembers the packet. Returns true if this packet, and every packet before it on this connection,
  /// already arrived on an earlier connection.
  [[nodiscard]] bool remember(std::int64_t pts, std::string_view bytes) {
    const auto mark = std::hash<std::string_view>{}(bytes) ^ (static_cast<std::size_t>(pts) * kSpread);
    const bool known = !known_.insert(mark).second;
    may_repeat_ = may_repeat_ && known;
    if (!known) order_.push_back(mark);
    if (order_.size() > kMost) {
      known_.erase(order_.front());
      order_.pop_front();
    }
    return may_repeat_;
  }

 private:
  static constexpr std::size_t kMost = 8192;  // packets of two minutes at 60 fps, more than a playlist holds
  static constexpr std::size_t kSpread = 0x9E3779B97F4A7C15;

  bool may_repeat_ = false;
  std::unordered_set<std::size_t> known_;
  std::deque<std::size_t> order_;  // keys of known_, oldest first
};

/// Not thread-safe.
class CameraTimes {
 public:
  /// A packet from the connection. `time`: timestamp in seconds.
  struct Given {
    std::int64_t pts = 0;
    std::optional<double> time = {};
    std::string_view bytes = {};
    bool is_bursty = false;  // see PacketConnection::is_bursty()
  };
  struct Noted {
    TimePoint captured{};
    bool is_new = true;  // the packet did not arrive on an earlier connection
  };

  /// `camera`: name in the log. `clock_offset`: seconds added to the camera's wall-clock times.
  CameraTimes(std::string camera, double clock_offset)
      : camera_(std::move(camera)), clock_offset_(clock_offset) {}

  /// Call for a new connection. `wrap`: see PacketConnection::wrap().
  void connect(double wrap);
  /// Call at the end of a connection, since the next connection's timestamps are unrelated.
  void disconnect();

  /// Records a packet's times. Returns the best estimate of when its frame was captured. If the packet is
  /// late relative to others, judged by the timestamps, the delay is part of the frame's age.
  [[nodiscard]] Noted note(const Given& packet, const PacketNotes& notes, const Context& context);
  /// Returns true if a frame with a StatedTime was captured before a silence of its sender.
  [[nodiscard]] bool is_stale(TimePoint captured) const noexcept { return captured < stale_before_; }
  /// Returns the pts of the next frame.
  [[nodiscard]] double place(std::optional<double> time, TimePoint captured) {
    return timeline_.place_rising(time, captured);
  }
  /// Returns the UTC time of a frame with this timestamp. If there is none, the engine uses the arrival time.
  [[nodiscard]] Utc find_utc(std::optional<double> time, TimePoint captured, const Context& context);
  /// Records how old the frame is according to the playlist's own timestamps, if it has any.
  void count_behind(std::optional<double> time, const Context& context) const;
  /// Seconds of timestamps per second of real time.
  [[nodiscard]] float pace() const noexcept { return static_cast<float>(line_.pace()); }
  /// The timeline of the frames.
  [[nodiscard]] LiveTimeline& timeline() noexcept { return timeline_; }
  [[nodiscard]] const LiveTimeline& timeline() const noexcept { return timeline_; }

 private:
  void note_clock(const PacketNotes& notes, double time, const Context& context);
  void note_pace(const Context& context);
  void note_silence(TimePoint captured, TimePoint arrived);
  void name_implausible(double utc);

  const std::string camera_;
  const double clock_offset_;
  LiveTimeline timeline_;
  ArrivalLine line_;
  CameraClock clock_;      // clock of the camera during this connection
  double shown_pace_ = 1;  // pace in the latest warning
  RepeatedPackets repeated_;
  bool named_implausible_ = false;
  std::optional<double> stated_error_;    // error of the latest StatedTime, in seconds
  std::optional<double> program_offset_;  // Unix time of timestamp 0, from the playlist
  // The last packet with a StatedTime, also of an earlier connection:
  std::optional<TimePoint> last_arrived_;
  Seconds last_age_{};  // age of that packet when it arrived
  TimePoint stale_before_{};
};

}  // namespace freshframe::media

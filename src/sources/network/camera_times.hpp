// The times of a live source's pictures: when each was captured, its pts, its wall time.
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

// Recognises the packets with which a server begins a new connection although it has sent them on the last one.

/// A playlist keeps its newest segments while its encoder is dead. A new connection gets them again, and they
/// are not new. By their bytes and times, not by their times alone: an encoder that was started again may
/// count from 0. One thread.
class RepeatedPackets {
 public:
  /// A new connection begins. Packets that it has in common with the ones before come first.
  void connect() noexcept { may_repeat_ = !known_.empty(); }

  /// Remembers the packet. True means an earlier connection has brought it, and all before it on this one.
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
  static constexpr std::size_t kMost =
      8192;  // packets: two minutes at 60 fps, more than the end of a playlist
  static constexpr std::size_t kSpread = 0x9E3779B97F4A7C15;

  bool may_repeat_ = false;
  std::unordered_set<std::size_t> known_;
  std::deque<std::size_t> order_;  // the keys of known_, oldest first
};

/// One thread.
class CameraTimes {
 public:
  /// A packet as its connection gives it. `time`: by the stream, in seconds.
  struct Given {
    std::int64_t pts = 0;
    std::optional<double> time = {};
    std::string_view bytes = {};
    bool is_bursty = false;  // as PacketConnection::is_bursty()
  };
  struct Noted {
    TimePoint captured{};
    bool is_new = true;  // no earlier connection has brought the packet
  };

  /// `camera` is its name in the log. `clock_offset`: seconds that are added to the camera's wall times.
  CameraTimes(std::string camera, double clock_offset)
      : camera_(std::move(camera)), clock_offset_(clock_offset) {}

  /// A new connection begins. `wrap`: as PacketConnection::wrap().
  void connect(double wrap);
  /// The times of the next connection are others.
  void disconnect();

  /// Notes the times of a packet. Returns the best estimate of the time at which its picture was captured: its delay
  /// against others, by its own time, is part of its age.
  [[nodiscard]] Noted note(const Given& packet, const PacketNotes& notes, const Context& context);
  /// Returns the pts of the next frame.
  [[nodiscard]] double place(std::optional<double> time, TimePoint captured) {
    return timeline_.place_rising(time, captured);
  }
  /// Returns the UTC of a picture with this time of the stream. If it has none, the engine gives it the time of its
  /// arrival.
  [[nodiscard]] Utc find_utc(std::optional<double> time, TimePoint captured, const Context& context);
  /// Counts how old the picture is by its playlist's own times, if there are any.
  void count_behind(std::optional<double> time, const Context& context) const;
  /// Stamped seconds per second.
  [[nodiscard]] float pace() const noexcept { return static_cast<float>(line_.pace()); }
  /// The timeline of the frames.
  [[nodiscard]] LiveTimeline& timeline() noexcept { return timeline_; }
  [[nodiscard]] const LiveTimeline& timeline() const noexcept { return timeline_; }

 private:
  void note_clock(const PacketNotes& notes, double time, const Context& context);
  void note_pace(const Context& context);
  void name_implausible(double utc);

  const std::string camera_;
  const double clock_offset_;
  LiveTimeline timeline_;
  ArrivalLine line_;
  CameraClock clock_;      // clock of this connection
  double shown_pace_ = 1;  // pace of the newest WARNING
  RepeatedPackets repeated_;
  bool named_implausible_ = false;
  std::optional<double> program_offset_;  // Unix time of the stream's time 0, by the playlist
};

}  // namespace freshframe::media

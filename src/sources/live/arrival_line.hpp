// Estimates when the frames of a live stream would have arrived without delay.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "sources/live/link_load.hpp"

namespace freshframe::media {

/// How the bytes of a frame arrived. Unknown members keep their default.
struct FrameBytes {
  std::size_t size = 0;
  std::optional<TimePoint> ended = {};  // arrival of the last byte
  std::optional<double> waited = {};    // seconds that the reader waited for the frame
  bool arrived_is_end = false;          // only the arrival of the last byte is known
};

/// Arrival times alone hide delays before arrival: a full socket, a slow server, a process that was stopped.
/// The timestamps reveal them: arrival - pts is smallest for frames that were not delayed, and the excess
/// over this minimum is additional latency. The minimum drifts with the two clocks, so it is modelled as a
/// line: the lower hull of the minima per second over ten minutes, extended from the hull's edge over the
/// middle of that window. A stream that stays late for longer than the window counts as on time again.
///
/// Some cameras stamp more or fewer frames per second than they send, so that the difference grows forever. A
/// queue only grows while the link is full. So while LinkLoad reports that it is not, growing latency is
/// attributed to the camera's pace, and the line takes the slope of the arrivals. In doubt, frames count as
/// late.
///
/// A delay that all frames share cannot be detected. Not thread-safe.
class ArrivalLine {
 public:
  /// Returns when the frame would have arrived without delay, at most `arrived`.
  TimePoint place(double pts, TimePoint arrived, const FrameBytes& bytes = {});
  /// Returns true if the last frame started a new line: it is the first frame, or the timestamps jumped.
  [[nodiscard]] bool begins() const noexcept { return begins_; }
  /// Mean latency in seconds over the last two seconds of frames; nullopt before the first frame.
  [[nodiscard]] std::optional<double> behind() const noexcept { return behind_; }
  /// Seconds of timestamps per second of real time: 1 unless the arrivals prove another pace.
  [[nodiscard]] double pace() const noexcept { return 1 - center_; }
  [[nodiscard]] LinkVerdict verdict() const noexcept { return verdict_; }
  /// Sets the pace from the sender's reports; nullopt if they do not determine one.
  void set_reported_pace(std::optional<double> pace) noexcept;
  /// Call for a new connection, whose timestamps start again. The pace is kept, since it belongs to the
  /// camera.
  void restart();

 private:
  struct Point {
    double at = 0;     // seconds of arrival since origin_
    double later = 0;  // arrival - pts, relative to the first frame
  };
  struct Verdict {
    double at = 0;  // seconds since origin_
    LinkVerdict link = LinkVerdict::Unclear;
  };
  /// A time span to search for a pace, and the difference from the line in seconds needed to accept it.
  struct Span {
    double seconds = 0;
    double growth = 0;
  };
  [[nodiscard]] double since_origin(TimePoint at) const { return Seconds(at - *origin_).count(); }
  [[nodiscard]] Point make_point(double pts, double at) const noexcept;
  [[nodiscard]] double lateness(const Point& point) const noexcept;
  [[nodiscard]] double most_drift() const noexcept;
  [[nodiscard]] bool is_too_late(double late, TimePoint arrived);
  [[nodiscard]] bool was_too_late(TimePoint arrived) const;
  [[nodiscard]] bool has_verdict(LinkVerdict link) const;
  [[nodiscard]] bool reports_say_exact() const noexcept;
  void begin_where_it_jumps(double pts, TimePoint arrived);
  void watch_slow_clock(double pts, TimePoint arrived, const FrameBytes& bytes);
  void take_load(double pts, double at, const FrameBytes& bytes);
  [[nodiscard]] bool catches_up(const Point& point);
  void begin_line(double pts, TimePoint arrived);
  void add(const Point& point);
  bool add_minimum(const Point& point, double window);
  void fit();
  [[nodiscard]] double middle_slope() const;
  void look(double at);
  void find_pace(double at);
  [[nodiscard]] bool is_even(double at, double span) const;
  [[nodiscard]] bool was_full(double at, double span) const;
  [[nodiscard]] std::vector<Point> list_minima(double at, double span) const;
  [[nodiscard]] std::vector<Point> list_newest(double at) const;
  [[nodiscard]] bool take_pace(const Span& span, double at);
  [[nodiscard]] bool is_possible(double slope) const noexcept;
  void adopt(double slope, const Point& start);
  void undo();
  void note_behind(double pts, double late);

  std::optional<TimePoint> origin_;  // arrival of the first frame; nullopt until then
  double first_pts_ = 0;
  double newest_pts_ = 0;
  double last_pts_ = 0;
  double last_later_ = 0;     // `later` of the last frame while clock_is_slow_
  std::deque<Point> minima_;  // one point per second with frames, oldest first
  double slope_ = 0;          // slope of the line, in seconds per second
  double height_ = 0;         // height of the line at origin_, in seconds
  double center_ = 0;         // slope from which the line may deviate only slightly: 1 - pace
  std::optional<double> behind_;
  std::optional<TimePoint> too_late_;  // when the line last restarted because of impossible latencies
  // arrival of the first of the latest consecutive frames with impossible latencies
  std::optional<TimePoint> late_since_;
  bool clock_is_slow_ = false;  // only arrival times are used
  bool begins_ = false;
  LinkLoad load_;
  LinkVerdict verdict_ = LinkVerdict::Unclear;
  std::deque<Verdict> verdicts_;    // verdicts of the last minute
  std::optional<double> looked_;    // seconds since origin_ of the last verdict
  std::optional<Point> before_;     // a point on the line before the last pace was adopted
  std::optional<double> reported_;  // pace in seconds of timestamps per real second
  bool confirmed_ = false;          // reports agreed with the pace that was last adopted
};

}  // namespace freshframe::media

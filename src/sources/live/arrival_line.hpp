// Which time a live stream's pictures would arrive at if nothing held them up.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <deque>
#include <optional>

namespace freshframe::media {

/// The arrival alone hides every delay before it: a full socket, a slow server, a process that was stopped.
/// The pictures' own times show these delays: arrival - pts is smallest for pictures that nothing has held
/// up, and each other picture is older by the excess of its difference over the smallest. That smallest
/// difference drifts with the two clocks, so it is a line: the lower hull of ten minutes of minima per
/// second, extended from its edge over the middle of that window. A stream that stays late for longer than
/// the window counts as in time again.
///
/// Delays that all pictures have in common cannot be known from it. One thread.
class ArrivalLine {
 public:
  /// The time at which a picture that has arrived would have done so without delay: never after `arrived`.
  TimePoint place(double pts, TimePoint arrived);
  /// The last picture began the line: it is the first one, or the stream's times have jumped before it.
  [[nodiscard]] bool begins() const noexcept { return begins_; }
  /// Seconds by which the pictures of the last two seconds were late, on average; nullopt means none has
  /// arrived.
  [[nodiscard]] std::optional<double> behind() const noexcept { return behind_; }
  /// The stream's times start again.
  void restart();

 private:
  struct Point {
    double at = 0;     // seconds of arrival since origin_
    double later = 0;  // arrival - pts, since the first one's
  };

  [[nodiscard]] Point make_point(double pts, TimePoint arrived) const;
  [[nodiscard]] double lateness(const Point& point) const noexcept;
  void begin_where_it_jumps(double pts, TimePoint arrived);
  void begin_line(double pts, TimePoint arrived);
  void add(const Point& point);
  void fit();
  [[nodiscard]] double middle_slope() const;
  void note_behind(double pts, double late);

  std::optional<TimePoint> origin_;  // the arrival of the first picture; nullopt means none yet
  double first_pts_ = 0;
  double newest_pts_ = 0;
  double last_pts_ = 0;
  std::deque<Point> minima_;  // one for each second in which pictures arrived, oldest first
  double slope_ = 0;          // slope of the line: seconds per second
  double height_ = 0;         // height of the line at origin_: seconds
  std::optional<double> behind_;
  std::optional<TimePoint> too_late_;  // when the pictures seemed to be later than can be
  bool clock_is_slow_ = false;
  bool begins_ = false;
};

}  // namespace freshframe::media

// Follows the clock of a camera through its server's reports.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/utc.hpp"

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "media/stream/reported_pace.hpp"

namespace freshframe::media {

/// Computes the wall-clock time of a stream's frames from pairs of timestamp and camera time (RTCP sender
/// reports, RFC 3550, section 6.4.1). A line through the reports of the last minute follows the drift between
/// the two clocks, and averages out most of the noise of single reports.
///
/// A report far off the line is ignored, unless the next one agrees with it: then the camera's clock was set,
/// and the line restarts with these two. If several in a row are far off and disagree with each other, the
/// reports are simply inaccurate, and the line restarts with all of them. Between such steps, which add()
/// returns, times never decrease: if a report moves the line back, time stands still until it catches up. Not
/// thread-safe, no I/O.
///
/// Two quartz clocks differ by at most 500 ppm, and the slope is limited to that. But some cameras stamp more
/// or fewer frames per second than they send. Once three reports agree on another pace, the line restarts
/// with them, and its slope is limited around that pace.
///
/// Note [Wraps of RTP's time]
/// FFmpeg computes a wall-clock time from the last report, ignoring that RTP timestamps have 32 bits. After a
/// wrap it is wrong by the length of a wrap (47,722 s at 90 kHz) until the next report. So whole wraps
/// relative to the line through earlier reports are removed. For the first report there is no line: if it
/// differs from this machine's clock by more than a quarter of a wrap, there is no wall-clock time until a
/// second report is consistent with it. This also accepts cameras whose clock really is that wrong.
class CameraClock {
 public:
  /// The camera's time in Unix seconds, at a timestamp in seconds.
  struct Report {
    double time = 0;
    double utc = 0;
  };
  struct State {
    double drift = 0;         // seconds per second that the wall clock gains on the timestamps
    std::size_t reports = 0;  // number of reports that the line is fitted to
    double residual = 0;      // the largest deviation of a report, in seconds
  };

  /// `wrap`: seconds after which timestamps wrap, if FFmpeg's reports do not take that into account; 0 for
  /// never. `center`: center() of the clock of an earlier connection to the same camera; 0 if there was none.
  explicit CameraClock(double wrap = 0, double center = 0) noexcept : wrap_(wrap), center_(center) {}

  /// Returns the seconds by which the camera's clock was set, or by which a new line differs from the old
  /// one, if this report shows it. `now`: this machine's Unix time at its arrival.
  std::optional<double> add(const Report& report, double now);
  /// Returns the wall-clock time of a frame; nullopt if there is no report, or only one that may be wrong by
  /// a wrap.
  [[nodiscard]] std::optional<Utc> at(double time) noexcept;
  [[nodiscard]] std::optional<State> state() const noexcept;
  /// Slope around which the line's slope is limited: real seconds per stamped second, minus one.
  [[nodiscard]] double center() const noexcept { return center_; }
  /// Seconds of timestamps per second of real time, from the reports; nullopt if they do not determine it.
  [[nodiscard]] std::optional<double> reported_pace() const { return reported_.pace(); }
  /// Call when timestamps restart.
  void restart() noexcept;

 private:
  struct Point {
    double time = 0;   // seconds since the first report
    double later = 0;  // wall-clock time - timestamp, relative to the first report
  };

  [[nodiscard]] Point make_point(const Report& report) const noexcept;
  [[nodiscard]] double off(const Point& point) const noexcept;
  [[nodiscard]] double tolerance() const noexcept;
  [[nodiscard]] double wraps_in(const Report& report) const noexcept;
  /// Evaluates the line.
  [[nodiscard]] double utc_at(double time) const noexcept;
  void begin_at(const Report& report, double now);
  [[nodiscard]] bool take_pace();
  void clear_line() noexcept;
  void begin_reports(std::vector<Report> reports);
  void use(const Point& point);
  void fit() noexcept;
  [[nodiscard]] double error_at(double time) const noexcept;

  double wrap_;
  double center_;
  ReportedPace reported_;
  std::optional<Report> first_;  // nullopt before the first report
  bool sure_ = true;             // the first report is not wrong by a wrap
  std::deque<Point> points_;     // points of the last minute
  std::vector<Report> doubted_;  // consecutive reports far off the line; the next one confirms or refutes
  double slope_ = 0;
  double slope_error_ = 0;        // half-width of the slope's confidence interval
  double height_ = 0;             // height of the line at the first report, in seconds
  double residual_ = 0;           // the largest deviation
  std::optional<Report> latest_;  // timestamp and wall-clock time of the last at()
};

}  // namespace freshframe::media

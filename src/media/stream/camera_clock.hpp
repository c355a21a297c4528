// Follows the clock of a camera by what its server says of the time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/utc.hpp"

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "media/stream/reported_pace.hpp"

namespace freshframe::media {

/// The wall time of a stream's pictures, from pairs of a time of the stream and the camera's wall time (sender
/// reports of RTCP, RFC 3550, section 6.4.1). A line through the reports of the last minute follows the drift of the
/// two clocks and takes out most of the noise of single reports.
///
/// A report that is far off the line is not used, unless the next one agrees with it: then the camera's clock was
/// set, and the line begins again with the two. Where several in a row are far off and none agrees with another, the
/// reports themselves are so inexact, and the line begins again with all of them. Between such steps, which add()
/// returns, the times of later pictures are never earlier ones: where a report turns the line back, time stops for
/// that long. One thread, no I/O.
///
/// Two clocks with quartzes differ by 500 ppm at most, and the slope is held to that. But some cameras stamp more or
/// fewer frames per second than they send. As soon as three reports agree that the timestamps run at another pace, the
/// line begins again with them, and its slope is held around that pace.
///
/// Note [Wraps of RTP's time]
/// FFmpeg computes a wall time from the last report without regard to the 32 bits of RTP's times. Where they have
/// wrapped since then, it is wrong by a whole wrap (47,722 s at 90 kHz) until the next report. So whole wraps beside
/// the line through the earlier reports are taken out. The first report has none before it: if it is more than a quarter of a wrap
/// from this machine's clock, there is no wall time until a second one is no wrap away from it. A camera whose clock
/// is really so far off is believed then, too.
class CameraClock {
 public:
  /// The camera's wall time, in Unix seconds, at a time of the stream, in seconds.
  struct Report {
    double time = 0;
    double utc = 0;
  };
  struct State {
    double drift = 0;         // seconds per second by which the wall clock is faster than the stream's
    std::size_t reports = 0;  // reports that the line goes through
    double residual = 0;      // the largest of them, in seconds
  };

  /// `wrap`: seconds after which the times of the stream begin again, which FFmpeg's reports of RTSP do not know;
  /// 0: they do not. `center`: of an earlier connection to the same camera.
  explicit CameraClock(double wrap = 0, double center = 0) noexcept : wrap_(wrap), center_(center) {}

  /// Seconds by which the camera's clock was set, or by which a new line is off the old one, if that is known with
  /// this report. `now`: Unix time by this
  /// machine's clock when it came.
  std::optional<double> add(const Report& report, double now);
  /// The wall time of a picture; nullopt means there is no report, or only a first report that may be wrong by a
  /// wrap.
  [[nodiscard]] std::optional<Utc> at(double time) noexcept;
  [[nodiscard]] std::optional<State> state() const noexcept;
  /// Seconds per stamped second, less one, around which the slope is held.
  [[nodiscard]] double center() const noexcept { return center_; }
  /// Stamped seconds per second by the reports; nullopt if they do not prove any.
  [[nodiscard]] std::optional<double> reported_pace() const { return reported_.pace(); }
  /// The stream's times begin again.
  void restart() noexcept;

 private:
  struct Point {
    double time = 0;   // since the first report
    double later = 0;  // wall time - stream's time, since the first report's
  };

  [[nodiscard]] Point make_point(const Report& report) const noexcept;
  [[nodiscard]] double off(const Point& point) const noexcept;
  [[nodiscard]] double tolerance() const noexcept;
  [[nodiscard]] double wraps_in(const Report& report) const noexcept;
  /// Returns the time by the line.
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
  std::optional<Report> first_;  // nullopt means none has come
  bool sure_ = true;             // the first one is not wrong by a wrap
  std::deque<Point> points_;     // points of the last minute
  std::vector<Report> doubted_;  // in a row, far off the line; the next one decides
  double slope_ = 0;
  double slope_error_ = 0;        // half the width of what is known of the slope
  double height_ = 0;             // height of the line at the first report
  double residual_ = 0;           // the largest
  std::optional<Report> latest_;  // time that at() gave
};

}  // namespace freshframe::media

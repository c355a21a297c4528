// Which time a live stream's frames would arrive at if nothing delayed them.
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

/// How the bytes of a frame arrived. All that is unknown keeps its default.
struct FrameBytes {
  std::size_t size = 0;
  std::optional<TimePoint> ended = {};  // arrival of the last byte
  std::optional<double> waited = {};    // seconds for which the reader has waited for the frame
  bool arrived_is_end = false;          // only the arrival of the last byte is known
};

/// The arrival alone hides every delay before it: a full socket, a slow server, a process that was stopped.
/// The frames' own timestamps show these delays: arrival - pts is smallest for frames that nothing has delayed,
/// and each other frame is older by the excess of its difference over the smallest. That smallest
/// difference drifts with the two clocks, so it is a line: the lower hull of ten minutes of minima per
/// second, extended from its edge over the middle of that window. A stream that stays late for longer than
/// the window counts as in time again.
///
/// Some cameras stamp more or fewer frames per second than they send, so that the difference grows forever. A queue
/// can only grow while the link is full. So while LinkLoad says that it is not, growing lateness is the camera's pace,
/// and the line takes the slope of the arrivals. In doubt frames are late.
///
/// Delays that all frames have in common cannot be known from it. Not thread-safe.
class ArrivalLine {
 public:
  /// Returns when a frame that has arrived would have done so without delay: never after `arrived`.
  TimePoint place(double pts, TimePoint arrived, const FrameBytes& bytes = {});
  /// Whether the last frame began the line: it is the first one, or the stream's timestamps have jumped before it.
  [[nodiscard]] bool begins() const noexcept { return begins_; }
  /// Seconds by which the frames of the last two seconds were late, on average; nullopt if none has
  /// arrived.
  [[nodiscard]] std::optional<double> behind() const noexcept { return behind_; }
  /// Stamped seconds per second: 1 unless the arrivals have proven another pace.
  [[nodiscard]] double pace() const noexcept { return 1 - center_; }
  [[nodiscard]] LinkVerdict verdict() const noexcept { return verdict_; }
  /// The pace by the sender's reports; nullopt if they prove none.
  void set_reported_pace(std::optional<double> pace) noexcept;
  /// Another connection, whose timestamps start again. The pace remains, as it belongs to the camera.
  void restart();

 private:
  struct Point {
    double at = 0;     // seconds of arrival since origin_
    double later = 0;  // arrival - pts, since the first one's
  };
  struct Verdict {
    double at = 0;  // seconds since origin_
    LinkVerdict link = LinkVerdict::Unclear;
  };
  /// How far back the arrivals are searched for a pace, and by how many seconds they must differ from the line.
  struct Span {
    double seconds = 0;
    double growth = 0;
  };
  [[nodiscard]] double since_origin(TimePoint at) const { return Seconds(at - *origin_).count(); }
  [[nodiscard]] Point make_point(double pts, double at) const noexcept;
  [[nodiscard]] double lateness(const Point& point) const noexcept;
  [[nodiscard]] double most_drift() const noexcept;
  [[nodiscard]] bool is_too_late(double late) const;
  [[nodiscard]] bool reports_say_exact() const noexcept;
  void begin_where_it_jumps(double pts, TimePoint arrived);
  void begin_line(double pts, TimePoint arrived);
  void add(const Point& point);
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

  std::optional<TimePoint> origin_;  // the arrival of the first frame; nullopt if none yet
  double first_pts_ = 0;
  double newest_pts_ = 0;
  double last_pts_ = 0;
  std::deque<Point> minima_;  // one for each second in which frames arrived, oldest first
  double slope_ = 0;          // slope of the line: seconds per second
  double height_ = 0;         // height of the line at origin_: seconds
  double center_ = 0;         // slope around which the line's is held: 1 - pace
  std::optional<double> behind_;
  std::optional<TimePoint> too_late_;  // when the frames seemed to be later than is possible
  bool clock_is_slow_ = false;
  bool begins_ = false;
  LinkLoad load_;
  LinkVerdict verdict_ = LinkVerdict::Unclear;
  std::deque<Verdict> verdicts_;    // of the last minute
  std::optional<double> looked_;    // seconds since origin_ of the last verdict
  std::optional<Point> before_;     // where the line ran before the last pace was taken
  std::optional<double> reported_;  // stamped seconds per second
  bool confirmed_ = false;          // reports have agreed with the last pace that was taken
};

}  // namespace freshframe::media

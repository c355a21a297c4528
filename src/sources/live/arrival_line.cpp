// Estimates the latency of frames: fits a line below their delays, using the lower hull of the minima.
// SPDX-License-Identifier: Apache-2.0
#include "sources/live/arrival_line.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include "media/stream/live_timeline.hpp"

namespace freshframe::media {
namespace {

constexpr double kWindow = 600;             // seconds
constexpr double kMostSlope = 500e-6;       // more than the drift between two quartz clocks
constexpr double kMostPaceSlope = 2000e-6;  // larger, because a pace is known less exactly
constexpr double kMostBehind = 30.0;        // seconds; servers do not buffer more
// seconds for which impossible latencies are accepted if the link may be full
constexpr double kMostDoubt = 120;
constexpr double kSmoothing = 2.0;  // time constant of the smoothing in seconds of stream time
constexpr double kLookEvery = 0.5;  // seconds
constexpr double kVerdicts = 61;    // how long verdicts are kept, in seconds
constexpr double kAfterFull = 5;    // seconds after link overload in which no new pace is accepted
constexpr double kFasterSpan = 60;  // seconds needed to prove a slope below the line's
constexpr double kExact = 2e-3;     // paces this close to 1 are exact, if reports confirm them
constexpr double kWrong = 1e-2;     // paces further from 1 are wrong

}  // namespace

TimePoint ArrivalLine::place(double pts, TimePoint arrived, const FrameBytes& bytes) {
  begins_ = false;
  if (clock_is_slow_) watch_slow_clock(pts, arrived, bytes);
  begin_where_it_jumps(pts, arrived);
  if (clock_is_slow_) return arrived;
  newest_pts_ = std::max(newest_pts_, pts);
  const auto point = make_point(pts, since_origin(arrived));
  add(point);
  take_load(pts, point.at, bytes);
  if (!looked_ || point.at >= *looked_ + kLookEvery) look(point.at);
  const double late = std::max(0.0, lateness(point)) / (1 - slope_);  // converts to real seconds
  note_behind(pts, late);
  return arrived - to_duration(Seconds(late));
}

void ArrivalLine::restart() {
  origin_.reset();
  behind_.reset();
  too_late_.reset();
  late_since_.reset();
  reported_.reset();
  clock_is_slow_ = false;
}

void ArrivalLine::set_reported_pace(std::optional<double> pace) noexcept {
  reported_ = pace;
  if (pace && center_ != 0 && std::abs(*pace - (1 - center_)) < kWrong) confirmed_ = true;
}

ArrivalLine::Point ArrivalLine::make_point(double pts, double at) const noexcept {
  return {at, at - (pts - first_pts_)};
}

double ArrivalLine::lateness(const Point& point) const noexcept {
  return point.later - (height_ + slope_ * point.at);
}

double ArrivalLine::most_drift() const noexcept {
  return center_ == 0 ? kMostSlope : kMostPaceSlope;
}

/// Returns true for impossible latencies. An overloaded link may delay frames by minutes, so it is excluded.
/// A link that may be full is excluded only once per window and for two minutes: otherwise a camera with slow
/// timestamps and a short pause now and then would seem later and later.
bool ArrivalLine::is_too_late(double late, TimePoint arrived) {
  if (late <= kMostBehind) {
    late_since_.reset();
    return false;
  }
  if (!late_since_) late_since_ = arrived;
  if (has_verdict(LinkVerdict::Full)) return false;
  if (!has_verdict(LinkVerdict::MaybeFull) || was_too_late(arrived)) return true;
  return Seconds(arrived - *late_since_).count() > kMostDoubt;
}

/// Returns true if the line has already restarted within the window because of impossible latencies.
bool ArrivalLine::was_too_late(TimePoint arrived) const {
  return too_late_ && Seconds(arrived - *too_late_).count() < kWindow;
}

/// Returns true if a verdict of the last minute is `link`.
bool ArrivalLine::has_verdict(LinkVerdict link) const {
  return std::ranges::any_of(verdicts_, [link](const Verdict& one) { return one.link == link; });
}

/// Restarts the line where timestamps jump. A camera clock that is too slow looks like growing latency: if
/// its pace was not found and frames are impossibly late twice within a window, only arrival times are used
/// until watch_slow_clock() finds that it was a full link after all.
void ArrivalLine::begin_where_it_jumps(double pts, TimePoint arrived) {
  if (!origin_) return begin_line(pts, arrived);
  if (clock_is_slow_) return;
  const double late = lateness(make_point(pts, since_origin(arrived)));
  if (is_too_late(late, arrived)) {
    clock_is_slow_ = was_too_late(arrived);
    if (clock_is_slow_) behind_.reset();
    too_late_ = arrived;
    begin_line(pts, arrived);
  } else if (late < -kMostAhead || pts < newest_pts_ - kMostBack) {
    begin_line(pts, arrived);
  }
}

/// Restarts the line once it is known that the link is or was full: the camera's clock may be exact after
/// all.
void ArrivalLine::watch_slow_clock(double pts, TimePoint arrived, const FrameBytes& bytes) {
  const auto point = make_point(pts, since_origin(arrived));
  take_load(pts, point.at, bytes);
  const bool looks = !looked_ || point.at >= *looked_ + kLookEvery;
  if (looks) looked_ = point.at;
  const bool is_full = looks && load_.judge_link() == LinkVerdict::Full;
  if (!catches_up(point) && !is_full) return;
  clock_is_slow_ = false;
  begin_line(pts, arrived);
}

/// Returns true if frames have arrived earlier, relative to their timestamps, than any others for most of a
/// minute: a queue is draining. A camera whose clock is slow never catches up by that much, only by what an
/// interruption of its link had delayed.
bool ArrivalLine::catches_up(const Point& point) {
  constexpr double kLongest = 60;       // seconds
  constexpr double kShortest = 20;      // seconds
  constexpr double kClear = 1;          // seconds
  constexpr double kLargestStep = 0.5;  // seconds between two frames: more is a jump of the timestamps
  if (point.later < std::exchange(last_later_, point.later) - kLargestStep) minima_.clear();
  add_minimum(point, kLongest);
  if (minima_.front().at > point.at - kShortest) return false;
  return std::ranges::none_of(minima_, [&](const Point& one) {
    return one.at < point.at - kShortest / 2 && one.later < point.later + kClear;
  });
}

void ArrivalLine::take_load(double pts, double at, const FrameBytes& bytes) {
  load_.add({.pts = pts,
             .at = at,
             .ended = bytes.ended ? std::optional(since_origin(*bytes.ended)) : std::nullopt,
             .waited = bytes.waited,
             .size = bytes.size,
             .at_is_end = bytes.arrived_is_end});
}

void ArrivalLine::begin_line(double pts, TimePoint arrived) {
  begins_ = true;
  origin_ = arrived;
  first_pts_ = newest_pts_ = last_pts_ = pts;
  last_later_ = 0;
  minima_.clear();
  slope_ = center_;
  height_ = 0;
  load_.clear();
  verdict_ = LinkVerdict::Unclear;
  verdicts_.clear();
  looked_.reset();
  late_since_.reset();
  before_.reset();
}

/// Fits the line once a second, and immediately if a frame is earlier than the line.
void ArrivalLine::add(const Point& point) {
  const bool next_second = add_minimum(point, kWindow);
  if (next_second || lateness(point) < 0) fit();
}

/// Returns true if the point begins a second. Forgets minima that are older than `window` seconds.
bool ArrivalLine::add_minimum(const Point& point, double window) {
  const bool next_second = minima_.empty() || std::floor(point.at) > std::floor(minima_.back().at);
  if (next_second) {
    minima_.push_back(point);
    while (minima_.front().at < point.at - window) minima_.pop_front();
  } else if (point.later < minima_.back().later) {
    minima_.back() = point;
  }
  return next_second;
}

void ArrivalLine::fit() {
  slope_ = std::clamp(middle_slope(), center_ - most_drift(), center_ + most_drift());
  height_ = minima_.front().later - slope_ * minima_.front().at;
  for (const auto& point : minima_) height_ = std::min(height_, point.later - slope_ * point.at);
}

/// Returns the slope of the lower hull's edge over the middle of the window, which is the usual estimate of
/// clock skew from delays (S. Moon, P. Skelly, D. Towsley: Estimation and Removal of Clock Skew from Network
/// Delay Measurements, INFOCOM 1999).
double ArrivalLine::middle_slope() const {
  std::vector<Point> hull;
  const auto slope = [](const Point& from, const Point& to) {
    return (to.later - from.later) / (to.at - from.at);
  };
  for (const auto& point : minima_) {
    while (hull.size() > 1 && slope(hull[hull.size() - 2], hull.back()) >= slope(hull.back(), point)) {
      hull.pop_back();
    }
    hull.push_back(point);
  }
  const double middle = (minima_.front().at + minima_.back().at) / 2;
  for (std::size_t i = 1; i < hull.size(); ++i) {
    if (hull[i].at >= middle) return slope(hull[i - 1], hull[i]);
  }
  return center_;
}

// Detects the camera's pace: how fast its timestamps run.

void ArrivalLine::look(double at) {
  looked_ = at;
  verdict_ = load_.judge();
  const bool reports_say_wrong = reported_ && std::abs(*reported_ - 1) > kWrong;
  if (verdict_ == LinkVerdict::Unclear && reports_say_wrong) verdict_ = LinkVerdict::Even;
  verdicts_.push_back({at, verdict_});
  while (verdicts_.front().at < at - kVerdicts) verdicts_.pop_front();
  if (reports_say_exact() && std::abs(center_) > kWrong) return undo();
  if (verdict_ == LinkVerdict::Even) find_pace(at);
}

bool ArrivalLine::reports_say_exact() const noexcept {
  return reported_ && std::abs(*reported_ - 1) < kExact;
}

/// Short spans decide quickly. Long ones find small differences, and average out network bursts.
void ArrivalLine::find_pace(double at) {
  constexpr std::array<Span, 4> kSpans{{{3, 0.06}, {10, 0.05}, {20, 0.04}, {60, 0.03}}};
  for (const auto& span : kSpans) {
    if (!is_even(at, span.seconds) || was_full(at, span.seconds)) return;
    if (take_pace(span, at)) return;
  }
}

/// Returns true if at least half of the verdicts within this span are even.
bool ArrivalLine::is_even(double at, double span) const {
  std::size_t count = 0;
  std::size_t even = 0;
  for (const auto& one : verdicts_) {
    if (one.at <= at - span + LinkLoad::kSpan - kLookEvery / 2) continue;
    ++count;
    if (one.link == LinkVerdict::Even) ++even;
  }
  return 2 * even >= count;
}

bool ArrivalLine::was_full(double at, double span) const {
  const double since = at - std::max(span - LinkLoad::kSpan, kAfterFull);
  return std::ranges::any_of(verdicts_, [since](const Verdict& one) {
    return one.at > since && (one.link == LinkVerdict::Full || one.link == LinkVerdict::MaybeFull);
  });
}

std::vector<ArrivalLine::Point> ArrivalLine::list_minima(double at, double span) const {
  if (span <= LinkLoad::kSpan) return list_newest(at);
  std::vector<Point> minima;
  std::ranges::copy_if(minima_, std::back_inserter(minima), [&](const Point& point) {
    return point.at >= at - span - kLookEvery && point.at < std::floor(at);
  });
  return minima;
}

/// Returns the minima per half second of the last three seconds.
std::vector<ArrivalLine::Point> ArrivalLine::list_newest(double at) const {
  constexpr double kPerSecond = 2;
  std::vector<Point> minima;
  std::optional<double> slot;
  for (const auto& one : load_.arrivals()) {
    const auto point = make_point(one.pts, one.at);
    if (point.at < at - LinkLoad::kSpan || point.at > at) continue;
    const double its_slot = std::floor((at - point.at) * kPerSecond);
    if (slot != its_slot) {
      minima.push_back(point);
    } else if (point.later < minima.back().later) {
      minima.back() = point;
    }
    slot = its_slot;
  }
  return minima;
}

/// Adopts the slope of the arrivals in this span if they lie on a straight line. A step is not a change of
/// pace.
bool ArrivalLine::take_pace(const Span& span, double at) {
  constexpr std::size_t kFewestMinima = 5;
  constexpr double kShortestShare = 0.7;
  constexpr double kBeyondDrift = 1.2;
  constexpr double kMostOff = 0.015;  // seconds
  constexpr double kMostOffShare = 0.03;
  std::vector<double> times;
  std::vector<double> later;
  for (const auto& point : list_minima(at, span.seconds)) {
    times.push_back(point.at);
    later.push_back(point.later);
  }
  if (times.size() < kFewestMinima) return false;
  const double covered = times.back() - times.front();
  if (covered < kShortestShare * span.seconds) return false;
  const auto line = StraightLine::fit(times, later, [](std::size_t) { return true; });
  const double difference = line.slope - center_;
  // Small enough for the hull to follow.
  if (std::abs(difference) < kBeyondDrift * most_drift()) return false;
  const double growth = difference * covered;
  if (std::abs(growth) < span.growth) return false;
  const double most_off = std::max(kMostOff, kMostOffShare * std::abs(growth));
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (std::abs(later[i] - line.at(times[i])) > most_off) return false;
  }
  // A server that catches up with a backlog looks like fast timestamps. Until decided, each early frame
  // lowers the line.
  if (growth < 0 && span.seconds < kFasterSpan) return false;
  if (!is_possible(line.slope)) return false;
  adopt(line.slope, {times.front(), line.at(times.front())});
  return true;
}

/// Returns true if the pace is plausible, and reports do not say that timestamps are exact.
bool ArrivalLine::is_possible(double slope) const noexcept {
  constexpr double kMostPace = 50;  // and its inverse
  const double pace = 1 - slope;
  if (pace < 1 / kMostPace || pace > kMostPace) return false;
  return !(reports_say_exact() && std::abs(slope) > kWrong);
}

/// Moves the line through `start`, keeping earlier minima that lie on it. Latency that the old line showed
/// both there and now is kept, by lowering the first minimum.
void ArrivalLine::adopt(double slope, const Point& start) {
  constexpr double kMostOff = 0.05;  // seconds
  // allowed distance from the line, as a share of the difference in height
  constexpr double kMostOffShare = 0.02;
  constexpr double kLeastKept = 0.1;     // seconds
  constexpr double kUnknownStart = 0.5;  // seconds between minima, in which the pace may have changed
  auto begin = start;
  auto rest = minima_.end();
  while (rest != minima_.begin()) {
    const auto& point = *std::prev(rest);
    if (point.at < start.at) {
      const double expected = start.later + slope * (point.at - start.at);
      const double most = std::max(kMostOff, kMostOffShare * std::abs(slope) * (start.at - point.at));
      if (std::abs(point.later - expected) > most) break;
      begin = point;
    }
    --rest;
  }
  minima_.erase(minima_.begin(),
                std::ranges::find_if(minima_, [&](const Point& point) { return point.at > begin.at; }));
  double kept = minima_.empty() ? 0 : std::min(lateness(begin), lateness(minima_.back()));
  if (kept < kLeastKept + kUnknownStart * std::abs(slope - center_)) kept = 0;
  begin.later -= kept;
  before_ = begin;
  minima_.push_front(begin);
  center_ = slope;
  confirmed_ = false;
  behind_.reset();  // latencies so far refer to the old line
  fit();
}

/// Called when reports say that timestamps are exact: restores the line from before the pace was adopted. If
/// reports had confirmed that pace, the camera has changed instead, and the line restarts at the current
/// arrivals.
void ArrivalLine::undo() {
  if (confirmed_) return adopt(0, minima_.back());
  if (before_) {
    std::erase_if(minima_, [&](const Point& point) { return point.at <= before_->at; });
    minima_.push_front(*before_);
  }
  center_ = 0;
  behind_.reset();
  fit();
}

/// Averages the latency, weighting frames by duration, because a burst contains many frames.
void ArrivalLine::note_behind(double pts, double late) {
  const double weight = 1 - std::exp(-std::abs(pts - last_pts_) / kSmoothing);
  behind_ = behind_ ? *behind_ + weight * (late - *behind_) : late;
  last_pts_ = pts;
}

}  // namespace freshframe::media

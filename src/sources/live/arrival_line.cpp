// Fits a line below the delays of pictures, by the lower hull of their minima.
// SPDX-License-Identifier: Apache-2.0
#include "sources/live/arrival_line.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "media/stream/live_timeline.hpp"

namespace freshframe::media {
namespace {

constexpr double kWindow = 600;        // seconds
constexpr double kMostSlope = 500e-6;  // more than two clocks with quartzes differ by
constexpr double kMostBehind = 30.0;   // seconds: no server holds this much back
constexpr double kSmoothing = 2.0;     // seconds of pictures

}  // namespace

TimePoint ArrivalLine::place(double pts, TimePoint arrived) {
  begins_ = false;
  begin_where_it_jumps(pts, arrived);
  if (clock_is_slow_) return arrived;
  newest_pts_ = std::max(newest_pts_, pts);
  const Point point = make_point(pts, arrived);
  add(point);
  const double late = std::max(0.0, lateness(point));
  note_behind(pts, late);
  return arrived - to_duration(Seconds(late));
}

void ArrivalLine::restart() {
  origin_.reset();
  behind_.reset();
  too_late_.reset();
  clock_is_slow_ = false;
}

ArrivalLine::Point ArrivalLine::make_point(double pts, TimePoint arrived) const {
  const double at = Seconds(arrived - *origin_).count();
  return {at, at - (pts - first_pts_)};
}

double ArrivalLine::lateness(const Point& point) const noexcept {
  return point.later - (height_ + slope_ * point.at);
}

/// A clock of the stream that is too slow looks like a delay that grows. It gives itself away when the
/// pictures are impossibly late for the second time within a window. From then on only the arrivals count.
void ArrivalLine::begin_where_it_jumps(double pts, TimePoint arrived) {
  if (!origin_) return begin_line(pts, arrived);
  if (clock_is_slow_) return;
  const double late = lateness(make_point(pts, arrived));
  if (late > kMostBehind) {
    clock_is_slow_ = too_late_ && Seconds(arrived - *too_late_).count() < kWindow;
    if (clock_is_slow_) behind_.reset();
    too_late_ = arrived;
    begin_line(pts, arrived);
  } else if (late < -kMostAhead || pts < newest_pts_ - kMostBack) {
    begin_line(pts, arrived);
  }
}

void ArrivalLine::begin_line(double pts, TimePoint arrived) {
  begins_ = true;
  origin_ = arrived;
  first_pts_ = newest_pts_ = last_pts_ = pts;
  minima_.clear();
  slope_ = height_ = 0;
}

/// Fits the line again once a second, and at once where a picture is earlier than it.
void ArrivalLine::add(const Point& point) {
  const bool next_second = minima_.empty() || std::floor(point.at) > std::floor(minima_.back().at);
  if (next_second) {
    minima_.push_back(point);
    while (minima_.front().at < point.at - kWindow) minima_.pop_front();
  } else if (point.later < minima_.back().later) {
    minima_.back() = point;
  }
  if (next_second || lateness(point) < 0) fit();
}

void ArrivalLine::fit() {
  slope_ = std::clamp(middle_slope(), -kMostSlope, kMostSlope);
  height_ = minima_.front().later - slope_ * minima_.front().at;
  for (const auto& point : minima_) height_ = std::min(height_, point.later - slope_ * point.at);
}

/// The slope of the lower hull's edge over the middle of the window: the usual estimate of the skew of two
/// clocks from delays (S. Moon, P. Skelly, D. Towsley: Estimation and Removal of Clock Skew from Network
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
  return 0;
}

/// Weighs the pictures by the time that they stand for, as a burst brings many at once.
void ArrivalLine::note_behind(double pts, double late) {
  const double weight = 1 - std::exp(-std::abs(pts - last_pts_) / kSmoothing);
  behind_ = behind_ ? *behind_ + weight * (late - *behind_) : late;
  last_pts_ = pts;
}

}  // namespace freshframe::media

// Fits a line through reports of wall-clock time, and restarts it when the camera's clock is set.
// SPDX-License-Identifier: Apache-2.0
#include "media/stream/camera_clock.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace freshframe::media {
namespace {

constexpr double kReportWindow = 60;        // maximum age of the reports in use, in seconds
constexpr std::size_t kMostPoints = 600;    // enough for servers that report with each frame
constexpr std::size_t kLine = 3;            // points needed for a slope
constexpr double kMostClockDrift = 500e-6;  // more than the drift between two quartz clocks
constexpr double kMostPaceDrift = 2000e-6;  // larger, because a pace is known less exactly
constexpr double kVisiblePace = 0.06;       // minimum difference that proves another pace, in seconds
constexpr double kVisibleOfThree = 0.12;    // the same if there are only three reports
constexpr double kLeastTolerance = 0.02;    // distance from the line that a report may have, in seconds
constexpr double kResiduals = 6;            // times the mean distance of the other reports
constexpr double kLeastError = 0.0005;      // seconds
constexpr double kOneReportError = 0.02;    // error in seconds of a single unconfirmed report
constexpr double kUnknownDrift = 200e-6;    // the drift that is assumed while no slope is known
constexpr double kLeastSlopeError = 20e-6;  // minimum error of a slope: drift changes with temperature
constexpr double kMostSlopeError = kMostClockDrift + kUnknownDrift;
constexpr std::size_t kMostDoubted = 5;  // outliers in a row
constexpr double kMostLeft = 1;          // maximum remainder when rounding to whole wraps, in seconds
// share of a wrap by which the camera's clock and this machine's may differ
constexpr double kPlausible = 0.25;

/// Approximates Student's t for 95 % to within 9 %: few reports say little about their noise.
double student(double degrees) noexcept {
  return 2 * (1 + 5.35 / (degrees * degrees));
}

}  // namespace

CameraClock::Point CameraClock::make_point(const Report& report) const noexcept {
  const double time = report.time - first_->time;
  return {time, report.utc - first_->utc - time};
}

/// Returns the seconds of whole timestamp wraps by which a report is off the line, or 0. Comparing with the
/// line rather than the first report excludes the clock drift of half a day.
double CameraClock::wraps_in(const Report& report) const noexcept {
  if (wrap_ <= 0) return 0;
  const double seconds = off(make_point(report));
  const double wraps = std::round(seconds / wrap_) * wrap_;
  return std::abs(seconds - wraps) < kMostLeft ? wraps : 0;
}

double CameraClock::utc_at(double time) const noexcept {
  const double since = time - first_->time;
  return first_->utc + since + height_ + slope_ * since;
}

double CameraClock::off(const Point& point) const noexcept {
  return point.later - (height_ + slope_ * point.time);
}

double CameraClock::tolerance() const noexcept {
  return std::max(kLeastTolerance, kResiduals * residual_);
}

std::optional<double> CameraClock::add(const Report& given, double now) {
  const double wraps = first_ ? wraps_in(given) : 0;
  if (!first_ || (!sure_ && wraps != 0)) {
    begin_at(given, now);
    return std::nullopt;
  }
  const Report report{given.time, given.utc - wraps};
  reported_.add({.arrived = now, .wall = report.utc, .time = report.time});
  if (take_pace()) return std::nullopt;
  const auto point = make_point(report);
  const double step = off(point);
  if (std::abs(step) <= tolerance()) {
    sure_ = sure_ || report.time > first_->time;
    doubted_.clear();
    use(point);
    return std::nullopt;
  }
  const bool agrees = !doubted_.empty() && std::abs(step - off(make_point(doubted_.back()))) <= tolerance();
  doubted_.push_back(report);
  if (agrees) {
    begin_reports({doubted_[doubted_.size() - 2], report});
    return std::exchange(sure_, true) ? std::optional(step) : std::nullopt;
  }
  if (doubted_.size() < kMostDoubted) return std::nullopt;
  const double before = utc_at(report.time);
  const auto latest = latest_;
  begin_reports(std::exchange(doubted_, {}));
  const double moved = utc_at(report.time) - before;
  if (std::exchange(sure_, true) && std::abs(moved) > tolerance()) return moved;
  latest_ = latest;
  return std::nullopt;
}

/// Restarts the line if the reports agree on a pace other than the current one. The difference must exceed
/// the noise of a few reports.
bool CameraClock::take_pace() {
  const auto agreed = reported_.find_agreement(kLeastTolerance);
  if (!agreed) return false;
  const double slope = 1 / agreed->pace - 1;
  const double center = std::abs(slope) > kMostClockDrift ? slope : 0;
  const double covered = agreed->reports.back().time - agreed->reports.front().time;
  const double needed = agreed->reports.size() > kLine ? kVisiblePace : kVisibleOfThree;
  if (std::abs(center - center_) * covered < needed) return false;
  center_ = center;
  std::vector<Report> reports;
  for (const auto& one : agreed->reports) reports.push_back({one.time, one.wall});
  begin_reports(std::move(reports));
  sure_ = true;
  return true;
}

/// See Note [Wraps of RTP's time].
void CameraClock::begin_at(const Report& report, double now) {
  reported_.clear();
  reported_.add({.arrived = now, .wall = report.utc, .time = report.time});
  begin_reports({report});
  sure_ = wrap_ <= 0 || std::abs(report.utc - now) < kPlausible * wrap_;
}

void CameraClock::begin_reports(std::vector<Report> reports) {
  clear_line();
  first_ = reports.front();
  slope_ = center_;
  for (const auto& report : reports) use(make_point(report));
}

void CameraClock::restart() noexcept {
  reported_.clear();
  clear_line();
}

void CameraClock::clear_line() noexcept {
  first_.reset();
  doubted_.clear();
  points_.clear();
  slope_ = slope_error_ = height_ = residual_ = 0;
  latest_.reset();
}

void CameraClock::use(const Point& point) {
  if (!points_.empty() && point.time <= points_.back().time) return;  // a repeated report
  points_.push_back(point);
  while (points_.front().time < point.time - kReportWindow || points_.size() > kMostPoints)
    points_.pop_front();
  fit();
}

/// Least-squares fit. With too few points, the line goes through the newest one.
void CameraClock::fit() noexcept {
  const auto count = static_cast<double>(points_.size());
  double time = 0;
  double later = 0;
  for (const auto& point : points_) {
    time += point.time / count;
    later += point.later / count;
  }
  double along = 0;
  double both = 0;
  for (const auto& point : points_) {
    along += (point.time - time) * (point.time - time);
    both += (point.time - time) * (point.later - later);
  }
  const bool has_slope = points_.size() >= kLine && along > 0;
  const double most = center_ == 0 ? kMostClockDrift : kMostPaceDrift;
  slope_ = has_slope ? std::clamp(both / along, center_ - most, center_ + most) : center_;
  height_ = has_slope ? later - slope_ * time : points_.back().later - slope_ * points_.back().time;
  residual_ = 0;
  double squares = 0;
  for (const auto& point : points_) {
    residual_ = std::max(residual_, std::abs(off(point)));
    squares += off(point) * off(point);
  }
  const double freedom = count - 2;
  const double standard_error = has_slope ? std::sqrt(squares / freedom / along) : 0;
  slope_error_ = has_slope ? std::min(kLeastSlopeError + student(freedom) * standard_error, kMostSlopeError)
                           : kUnknownDrift;
}

double CameraClock::error_at(double time) const noexcept {
  const double since = std::max(0.0, time - points_.back().time);
  return slope_error_ * since + std::max(points_.size() == 1 ? kOneReportError : kLeastError, 2 * residual_);
}

std::optional<Utc> CameraClock::at(double time) noexcept {
  if (!first_ || !sure_) return std::nullopt;
  const double utc = utc_at(time);
  const double earliest = latest_ && time >= latest_->time ? latest_->utc : utc;
  if (!latest_ || time >= latest_->time) latest_ = Report{time, std::max(utc, earliest)};
  return Utc{.seconds = std::max(utc, earliest),
             .error = static_cast<float>(error_at(time - first_->time) + std::max(0.0, earliest - utc)),
             .from = UtcFrom::Camera};
}

std::optional<CameraClock::State> CameraClock::state() const noexcept {
  if (!first_ || !sure_) return std::nullopt;
  return State{slope_, points_.size(), residual_};
}

}  // namespace freshframe::media

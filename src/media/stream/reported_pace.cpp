// Selects reports made by the camera's own clock, and computes the pace that they agree on.
// SPDX-License-Identifier: Apache-2.0
#include "media/stream/reported_pace.hpp"

#include <cmath>

#include "core/median.hpp"

namespace freshframe::media {
namespace {

constexpr std::size_t kMostReports = 8;
constexpr double kLeastApart = 0.9;      // seconds between two usable reports
constexpr std::size_t kFewestSteps = 2;  // between three reports
constexpr double kShortestReports = 4;   // seconds that the reports must cover
constexpr double kMostOff = 0.02;        // allowed relative difference between wall-clock time and arrivals
// seconds added to the allowed difference, for the network delay of a report
constexpr double kMostLate = 0.05;

}  // namespace

void ReportedPace::add(const Report& report) {
  if (!reports_.empty()) {
    const double apart = report.arrived - reports_.back().arrived;
    if (apart >= 0 && apart < kLeastApart) return;
  }
  reports_.push_back(report);
  if (reports_.size() > kMostReports) reports_.pop_front();
}

std::optional<double> ReportedPace::pace() const {
  double arrived = 0;
  double wall = 0;
  double time = 0;
  std::size_t steps = 0;
  for (std::size_t i = 1; i < reports_.size(); ++i) {
    if (!is_usable(i)) continue;
    ++steps;
    arrived += reports_[i].arrived - reports_[i - 1].arrived;
    wall += reports_[i].wall - reports_[i - 1].wall;
    time += reports_[i].time - reports_[i - 1].time;
  }
  const bool enough = steps >= kFewestSteps && arrived >= kShortestReports;
  return enough && is_usable(reports_.size() - 1) ? std::optional(time / wall) : std::nullopt;
}

std::optional<ReportedPace::Agreement> ReportedPace::find_agreement(double tolerance) const {
  if (reports_.empty()) return std::nullopt;
  std::size_t first = reports_.size() - 1;
  while (first > 0 && is_usable(first)) --first;
  for (; first + kFewestSteps < reports_.size(); ++first) {
    if (auto agreement = agree_from(first, tolerance)) return agreement;
  }
  return std::nullopt;
}

/// Returns the pace if the reports from index `first` on agree.
std::optional<ReportedPace::Agreement> ReportedPace::agree_from(std::size_t first, double tolerance) const {
  Agreement result{.reports = {reports_.begin() + static_cast<std::ptrdiff_t>(first), reports_.end()}};
  const auto& reports = result.reports;
  if (reports.back().arrived - reports.front().arrived < kShortestReports) return std::nullopt;
  std::vector<double> paces;
  for (std::size_t i = 1; i < reports.size(); ++i)
    paces.push_back((reports[i].time - reports[i - 1].time) / (reports[i].wall - reports[i - 1].wall));
  result.pace = core::find_median(paces);
  if (result.pace <= 0) return std::nullopt;
  for (std::size_t i = 1; i < reports.size(); ++i) {
    const double wall = reports[i].wall - reports[i - 1].wall;
    const double expected = (reports[i].time - reports[i - 1].time) / result.pace;
    if (std::abs(wall - expected) > tolerance) return std::nullopt;
  }
  return result;
}

/// Returns true if the interval before this report is plausible.
bool ReportedPace::is_usable(std::size_t index) const noexcept {
  const double arrived = reports_[index].arrived - reports_[index - 1].arrived;
  const double wall = reports_[index].wall - reports_[index - 1].wall;
  return wall > 0 && std::abs(wall - arrived) < kMostOff * arrived + kMostLate;
}

}  // namespace freshframe::media

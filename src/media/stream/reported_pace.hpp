// Derives the pace of a camera's timestamps from its sender reports.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

namespace freshframe::media {

/// Compares a camera's wall-clock times with its timestamps. A report is only usable if the wall-clock time
/// advanced since the previous report by as much as the arrival time. This excludes clocks being set, times
/// that a server derived from the timestamps, and reports delayed by a full link. Not thread-safe.
class ReportedPace {
 public:
  /// All in seconds.
  struct Report {
    double arrived = 0;  // arrival on this machine's clock
    double wall = 0;     // wall-clock time on the camera's clock
    double time = 0;     // timestamp
  };

  struct Agreement {
    double pace = 1;              // seconds of timestamps per real second: the median of the steps
    std::vector<Report> reports;  // at least three, oldest first
  };

  /// Ignores reports less than a second after the previous one, because the stored reports must cover some
  /// seconds.
  void add(const Report& report);
  void clear() noexcept { reports_.clear(); }

  /// Returns the seconds of timestamps per second of real time; nullopt if fewer than three reports over four
  /// seconds are usable, or the last one is not.
  [[nodiscard]] std::optional<double> pace() const;
  /// Returns the longest run of reports, up to the last one, that agree on a pace within `tolerance` seconds;
  /// nullopt if fewer than three over four seconds do.
  [[nodiscard]] std::optional<Agreement> find_agreement(double tolerance) const;

 private:
  [[nodiscard]] bool is_usable(std::size_t index) const noexcept;
  [[nodiscard]] std::optional<Agreement> agree_from(std::size_t first, double tolerance) const;

  std::deque<Report> reports_;
};

}  // namespace freshframe::media

// The pace of a camera's timestamps by its sender reports.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

namespace freshframe::media {

/// Compares the wall time of a camera's reports with their timestamps. A report is usable only if the camera's wall
/// time has advanced since the report before as the reports have arrived. So neither a clock that is set, nor wall
/// times that a server has computed from the timestamps, nor reports that wait in a full link count. Not thread-safe.
class ReportedPace {
 public:
  /// All in seconds.
  struct Report {
    double arrived = 0;  // by this machine's clock
    double wall = 0;     // by the camera's clock
    double time = 0;     // timestamp
  };

  struct Agreement {
    double pace = 1;              // stamped seconds per second, the median of its steps
    std::vector<Report> reports;  // at least three, oldest first
  };

  /// Reports that follow the last one within less than a second are not used, as eight must cover some seconds.
  void add(const Report& report);
  void clear() noexcept { reports_.clear(); }

  /// Stamped seconds per second; nullopt if fewer than three reports over four seconds are usable, or the last one
  /// is not.
  [[nodiscard]] std::optional<double> pace() const;
  /// The longest run of reports up to the last one that agree on a pace within `tolerance` seconds; nullopt if no
  /// three over four seconds do.
  [[nodiscard]] std::optional<Agreement> find_agreement(double tolerance) const;

 private:
  [[nodiscard]] bool is_usable(std::size_t index) const noexcept;
  [[nodiscard]] std::optional<Agreement> agree_from(std::size_t first, double tolerance) const;

  std::deque<Report> reports_;
};

}  // namespace freshframe::media

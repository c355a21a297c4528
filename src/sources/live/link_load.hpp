// Detects whether the link of a live stream is full, from how its frames arrive.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace freshframe::media {

/// Least-squares line.
struct StraightLine {
  double mean_x = 0;
  double mean_y = 0;
  double slope = 0;

  [[nodiscard]] double at(double x) const noexcept { return mean_y + slope * (x - mean_x); }

  /// Fits the points for which `keep(index)` is true; at least one. Without variation in x the slope is
  /// undefined.
  template <class Keep>
  [[nodiscard]] static StraightLine fit(const std::vector<double>& x, const std::vector<double>& y,
                                        const Keep& keep) {
    StraightLine line;
    double count = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!keep(i)) continue;
      count += 1;
      line.mean_x += x[i];
      line.mean_y += y[i];
    }
    line.mean_x /= count;
    line.mean_y /= count;
    double along = 0;
    double both = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!keep(i)) continue;
      along += (x[i] - line.mean_x) * (x[i] - line.mean_x);
      both += (x[i] - line.mean_x) * (y[i] - line.mean_y);
    }
    line.slope = along > 0 ? both / along : 0;
    return line;
  }
};

enum class LinkVerdict : std::uint8_t {
  Unclear,
  Even,       // frames arrive as regularly as their timestamps: the link is not full
  MaybeFull,  // only interruptions suggest that the link is full: the camera itself may have paused
  Full        // frames arrive as fast as the link or the reader can handle their bytes
};

/// Judges the frames of the last three seconds. On a full link arrivals depend on bytes: a keyframe delays
/// the frames after it, and data arrives all the time. Otherwise they follow the sender's timing. Three kinds
/// of evidence:
/// - Bytes: a line is fitted to the arrivals over the timestamps, and another over the cumulative bytes. If
/// one fits three times better, it decides.
/// - Busy time: the share of time in which frame data arrives. Needs the arrival of the first and last byte,
/// and frames of several packets.
/// - Interruptions: after a short one, frames arrive faster than usual if the link is not full. Used only
/// where the others do not decide, and proves nothing: after a pause of the camera they do not either.
///
/// If the reader never waits for data, it is slower than the stream; the link then counts as full. Not
/// thread-safe, no I/O.
class LinkLoad {
 public:
  static constexpr double kSpan = 3;  // how far back frames count, in seconds

  /// Times are in seconds, on the same clock.
  struct Arrival {
    double pts = 0;
    double at = 0;                      // arrival of the first byte
    std::optional<double> ended = {};   // arrival of the last byte; nullopt if unknown
    std::optional<double> waited = {};  // how long the reader waited for the frame; nullopt if unknown
    std::size_t size = 0;               // bytes; 0 if unknown
    bool at_is_end = false;             // `at` is the arrival of the last byte; that of the first is unknown
  };

  void add(const Arrival& arrival);
  void clear() noexcept;
  [[nodiscard]] LinkVerdict judge() const;
  /// Returns what the link shows, and not whether this program reads too slowly.
  [[nodiscard]] LinkVerdict judge_link() const;
  /// Frames of the last three seconds, at least 20, in order of arrival.
  [[nodiscard]] const std::deque<Arrival>& arrivals() const noexcept { return arrivals_; }

 private:
  [[nodiscard]] bool is_enough() const;
  [[nodiscard]] bool is_reader_slow() const;
  [[nodiscard]] bool has_sizes() const;
  [[nodiscard]] std::optional<double> find_busy_share() const;
  [[nodiscard]] LinkVerdict compare_lines() const;
  [[nodiscard]] bool keeps_delays() const;
  [[nodiscard]] std::vector<double> list_intervals() const;
  [[nodiscard]] bool is_interruption(std::size_t index, double usual) const;

  std::deque<Arrival> arrivals_;
};

}  // namespace freshframe::media

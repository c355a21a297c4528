// Whether the link of a live stream is full, judged by how its frames arrive.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace freshframe::media {

/// A straight line through points, by least squares.
struct StraightLine {
  double mean_x = 0;
  double mean_y = 0;
  double slope = 0;

  [[nodiscard]] double at(double x) const noexcept { return mean_y + slope * (x - mean_x); }

  /// Fits the points for which `keep(index)` is true, at least one. Vertical points have no slope.
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
  Even,  // frames arrive as evenly as their timestamps: the link is not full
  Full   // frames arrive as fast as the link, or the reader, can take their bytes
};

/// Judges the frames of the last three seconds. A full link delivers by bytes: a keyframe delays the frames after it,
/// and bytes arrive all the time. A link that is not full delivers by the sender's timing. Two kinds of evidence:
///
/// - Bytes. One straight line is fitted to the arrivals over the timestamps, and one over the bytes so far. If one
///   fits three times better than the other, that decides.
/// - Busy time. The share of time in which the bytes of a frame arrive. It needs the arrival of a frame's first and
///   of its last byte, and frames of several packets.
///
/// A reader that never waits for data is slower than the stream: then the arrivals are its own, and the link counts as
/// full. Not thread-safe, no I/O.
class LinkLoad {
 public:
  static constexpr double kSpan = 3;  // seconds of frames

  /// Times are in seconds, on one clock.
  struct Arrival {
    double pts = 0;
    double at = 0;                      // arrival of the first byte
    std::optional<double> ended = {};   // arrival of the last byte; nullopt if unknown
    std::optional<double> waited = {};  // how long the reader has waited for it; nullopt if unknown
    std::size_t size = 0;               // bytes; 0 if unknown
    bool at_is_end = false;             // `at` is the arrival of the last byte: the first one's is unknown
  };

  void add(const Arrival& arrival);
  void clear() noexcept;
  [[nodiscard]] LinkVerdict judge() const;
  /// The frames of the last three seconds, and at least 20, in the order of their arrival.
  [[nodiscard]] const std::deque<Arrival>& arrivals() const noexcept { return arrivals_; }

 private:
  [[nodiscard]] bool is_enough() const;
  [[nodiscard]] bool is_reader_slow() const;
  [[nodiscard]] bool has_sizes() const;
  [[nodiscard]] std::optional<double> find_busy_share() const;
  [[nodiscard]] LinkVerdict compare_lines() const;

  std::deque<Arrival> arrivals_;
};

}  // namespace freshframe::media

// The times of a recording's frames: those of a time lapse, and a check of the nominal frame rate.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/sample.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace freshframe::media {

/// Seconds. If a source's `pts` goes back by more than this, the source has restarted. After a smaller step
/// back, frames are skipped until `pts` has caught up.
constexpr double kToleratedStepBack = 1;

/// Takes one frame per interval of `pts`, and shows them one after the other at a fixed rate. Not
/// thread-safe.
class TimeLapse {
 public:
  /// `every`: seconds of `pts`. `fps`: frames per second of the file.
  TimeLapse(double every, double fps) : every_(every), fps_(fps) {}

  /// Returns the time in the file, in seconds, or nullopt for a frame that is not part of it.
  [[nodiscard]] std::optional<double> take(const Stamp& stamp) {
    if (!std::isfinite(stamp.pts)) return 0;  // so that the recorder sees it and reports an error
    const bool goes_back = stamp.pts < newest_pts_ - kToleratedStepBack;
    if (count_ == 0 || stamp.source != source_ || goes_back) {
      source_ = stamp.source;
      begin_ = newest_pts_ = stamp.pts;
      next_ = 0;
    }
    newest_pts_ = std::max(newest_pts_, stamp.pts);
    constexpr double kRounding = 1e-6;  // in intervals: tolerance for pts such as 1 / 3
    const double at = (stamp.pts - begin_) / every_ + kRounding;
    if (at < next_) return std::nullopt;
    next_ = std::floor(at) + 1;
    return static_cast<double>(count_++) / fps_;
  }

 private:
  double every_;
  double fps_;
  int source_ = -1;
  double begin_ = 0;  // pts of the source's first frame
  double newest_pts_ = 0;
  double next_ = 0;  // number of the interval whose frame is next
  std::int64_t count_ = 0;
};

/// Detects a nominal frame rate that is far from the actual one. `fps=` does not change the speed of a
/// recording, so the user most likely wanted a time lapse. Not thread-safe.
class NominalRate {
 public:
  /// `fps`: the frame rate from the options; with nullopt, find_fault() never returns a warning.
  explicit NominalRate(std::optional<double> fps) : fps_(fps) {}

  void note(double pts) noexcept {
    if (frames_ > 0) shortest_ = std::min(shortest_, pts - last_);
    if (frames_ > 0) longest_ = std::max(longest_, pts - last_);
    last_ = pts;
    ++frames_;
  }
  /// Must be called between two files.
  void forget() noexcept { *this = NominalRate(fps_); }
  /// Returns a warning if the file has at least `least` frames and none of their intervals is near 1 / fps.
  /// Warns once.
  [[nodiscard]] std::optional<std::string> find_fault(std::int64_t least);

 private:
  std::optional<double> fps_;
  double last_ = 0;
  double shortest_ = std::numeric_limits<double>::infinity();  // seconds between two frames
  double longest_ = 0;
  std::int64_t frames_ = 0;
};

}  // namespace freshframe::media

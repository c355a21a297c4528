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

/// Seconds. A longer step back of a source's `pts` is a new start; after a shorter one, frames are left out
/// until the time has caught up.
constexpr double kToleratedStepBack = 1;

/// Takes one frame per interval of `pts`, and shows them one after the other at a fixed rate. Not thread-safe.
class TimeLapse {
 public:
  /// `every`: seconds of `pts`. `fps`: frames per second of the file.
  TimeLapse(double every, double fps) : every_(every), fps_(fps) {}

  /// Returns the time in the file, in seconds, or nullopt for a frame that is not part of it.
  [[nodiscard]] std::optional<double> take(const Stamp& stamp) {
    if (!std::isfinite(stamp.pts)) return 0;  // which the recorder refuses
    const bool goes_back = stamp.pts < newest_pts_ - kToleratedStepBack;
    if (count_ == 0 || stamp.source != source_ || goes_back) {
      source_ = stamp.source;
      begin_ = newest_pts_ = stamp.pts;
      next_ = 0;
    }
    newest_pts_ = std::max(newest_pts_, stamp.pts);
    constexpr double kRounding = 1e-6;  // intervals: of pts such as 1 / 3
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

/// Notices a nominal frame rate that is far from the rate of the frames. Frames keep their own times, so that
/// is most likely a time lapse that does not become one. Not thread-safe.
class NominalRate {
 public:
  /// `fps`: as given; nullopt: never notices anything.
  explicit NominalRate(std::optional<double> fps) : fps_(fps) {}

  void note(double pts) noexcept {
    if (frames_ > 0) shortest_ = std::min(shortest_, pts - last_);
    if (frames_ > 0) longest_ = std::max(longest_, pts - last_);
    last_ = pts;
    ++frames_;
  }
  /// A file ends, and the next one starts.
  void forget() noexcept { *this = NominalRate(fps_); }
  /// Returns a warning, once, if the file has at least this many frames, and all their intervals are wrong.
  [[nodiscard]] std::optional<std::string> find_fault(std::int64_t least);

 private:
  std::optional<double> fps_;
  double last_ = 0;
  double shortest_ = std::numeric_limits<double>::infinity();  // seconds between two frames
  double longest_ = 0;
  std::int64_t frames_ = 0;
};

}  // namespace freshframe::media

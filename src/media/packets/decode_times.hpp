// The times at which packets are decoded, where a stream has only those at which pictures are shown.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace freshframe::media {

/// A picture that is shown behind `depth` others that are decoded later has to be decoded so many pictures
/// before it is shown. So the decoding times are the presentation times in rising order, `depth` packets late.
/// The first ones are those before the first picture, one step apart. One thread.
class DecodeTimes {
 public:
  /// `depth`: pictures that a decoder holds back. `step`: seconds between two pictures, for the first ones.
  explicit DecodeTimes(int depth, double step = 1.0 / 25)
      : depth_(static_cast<std::size_t>(depth)), step_(step) {}

  /// The decoding time of the next packet: above those before it by at least a microsecond, and at most `pts`
  /// where that is possible.
  [[nodiscard]] double next(double pts) {
    constexpr double kLeast = 1e-6;
    if (count_ == 0) first_ = pts;
    window_.insert(std::ranges::upper_bound(window_, pts), pts);
    double dts = first_ + (static_cast<double>(count_) - static_cast<double>(depth_)) * step_;
    if (window_.size() > depth_) {
      dts = window_.front();
      window_.erase(window_.begin());
    }
    ++count_;
    dts = std::max(std::min(dts, pts), last_ + kLeast);
    last_ = dts;
    return dts;
  }

 private:
  std::size_t depth_;
  double step_;
  std::size_t count_ = 0;
  double first_ = 0;
  double last_ = -std::numeric_limits<double>::infinity();
  std::vector<double> window_;  // sorted
};

}  // namespace freshframe::media

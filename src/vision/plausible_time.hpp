// Rejects timestamps that cannot be in seconds.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/error.hpp"

#include <cmath>
#include <sstream>

namespace freshframe::vision {

/// Throws Error unless `pts` is finite and within 3,000 years of 0. This rejects Unix times in milliseconds,
/// microseconds or nanoseconds, with which every gap would be far too long, or lost in rounding.
inline void check_time(double pts) {
  constexpr double kMostSeconds = 1e11;
  if (std::abs(pts) <= kMostSeconds) return;  // false for NaN
  if (!std::isfinite(pts)) throw Error("pts must be a number of seconds, got infinity or nan");
  struct Unit {
    double per_second;
    const char* name;
  };
  std::ostringstream text;
  text << "pts must be in seconds, within " << kMostSeconds << " of 0, got " << pts;
  for (const auto& [per_second, name] :
       {Unit{1e3, "milliseconds"}, Unit{1e6, "microseconds"}, Unit{1e9, "nanoseconds"}}) {
    constexpr double kEarliest = 1e9;  // 2001
    constexpr double kLatest = 1e10;   // 2286
    const double seconds = pts / per_second;
    if (seconds < kEarliest || seconds > kLatest) continue;
    text << ", a Unix time in " << name << ": divide it by " << per_second;
    break;
  }
  throw Error(text.str());
}

}  // namespace freshframe::vision

// When a playlist is asked for, so that a new segment is known soon after it is there.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/playlist/reload_schedule.hpp"

#include <algorithm>
#include <utility>

namespace freshframe::media {
namespace {

constexpr double kShortestSegment = 0.2;  // seconds: no playlist has shorter segments for long
constexpr double kLongestSegment = 30;
constexpr double kFirstSteps = 8;  // in a segment
constexpr double kFinest = 0.05;   // seconds between two requests
constexpr double kFineShare = 1.0 / 40;
constexpr double kShortSpan = 2;     // a span of so many of the finest steps is short enough
constexpr double kSpanGrowth = 0.5;  // of the finest step, for each segment

double finest(double segment) {
  return std::max(kFinest, segment * kFineShare);
}

TimePoint moved(TimePoint time, double seconds) {
  return time + to_duration(Seconds(seconds));
}

}  // namespace

bool ReloadSchedule::note(const Answer& answer) {
  if (answer.seconds > 0) segment_ = std::clamp(answer.seconds, kShortestSegment, kLongestSegment);
  const auto count = newest_ ? answer.newest - *newest_ : -1;
  if (count < 0) {
    begin(answer);
  } else if (count == 0) {
    miss(answer);
    return false;
  } else {
    hit(answer, count);
  }
  newest_ = answer.newest;
  return true;
}

void ReloadSchedule::note_failure(TimePoint now) {
  next_ = moved(now, (segment_ > 0 ? segment_ : 1) / 2);
}

void ReloadSchedule::begin(const Answer& answer) {
  if (segment_ <= 0) segment_ = 1;
  found_ = false;
  before_.reset();
  lower_ = answer.asked;
  upper_ = moved(answer.answered, segment_);
  wait_ = segment_ / kFirstSteps;
  next_ = moved(answer.asked, wait_);
}

void ReloadSchedule::miss(const Answer& answer) {
  const bool late = upper_ <= answer.asked;
  if (late && !before_) before_ = lower_;
  lower_ = std::max(lower_, answer.asked);
  next_ = moved(answer.answered, wait_);
  if (late) {
    upper_ = next_;
    wait_ = std::min(2 * wait_, segment_ / 2);
  } else {
    if (found_) next_ = std::max(next_, upper_);
    upper_ = std::max(upper_, next_);
  }
}

/// Where several have come at once, the time of the newest follows from that of the first.
void ReloadSchedule::hit(const Answer& answer, std::int64_t count) {
  const double others = segment_ * static_cast<double>(count - 1);
  found_ = true;
  upper_ = std::min(answer.answered, moved(upper_, others));
  lower_ = std::min(moved(std::exchange(before_, std::nullopt).value_or(lower_), others), upper_);
  const double fine = finest(segment_);
  lower_ = moved(lower_, segment_ - kSpanGrowth * fine);
  upper_ = moved(upper_, segment_);
  wait_ = fine;
  const double span = Seconds(upper_ - lower_).count();
  next_ = span > kShortSpan * fine ? moved(lower_, span / 2) : upper_;
  next_ = std::max(next_, moved(answer.answered, fine));
}

}  // namespace freshframe::media

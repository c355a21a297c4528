// Computes timestamps of images from RTP timestamps, unless these are implausible.
// SPDX-License-Identifier: Apache-2.0
#include "sources/rtsp/pictures/picture_times.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "media/stream/live_timeline.hpp"

namespace freshframe::media::rtsp {
namespace {

// Timestamps are doubted after more than this many implausible ones among the last 32 images, or jumps
// with fewer than kEnough consecutive plausible images between them.
constexpr int kMostOdd = 2;
constexpr int kEnough = 250;      // plausible images in a row
constexpr double kLeastSpan = 1;  // seconds
constexpr int kLeastImages = 8;   // in a span
constexpr int kMostOddSpans = 2;  // spans in a row: a server may send buffered data faster than real time
// Between the rates of timestamps and arrivals: more than any network delay explains.
constexpr double kFactor = 10;

}  // namespace

PictureTimes::Time PictureTimes::place(std::uint32_t timestamp, TimePoint arrived) {
  const std::int64_t step = begun_ ? static_cast<std::int32_t>(timestamp - timestamp_) : 0;
  const bool repeated = repeats(timestamp);
  const bool jumped = begun_ && jumps(step, arrived);
  const auto by_arrival = placed_ + (begun_ ? std::llround(Seconds(arrived - arrived_).count() * clock_) : 0);
  ticks_ += step;
  timestamp_ = timestamp;
  recent_.at(next_++ % kRecent) = timestamp;
  if (!begun_ || jumped) begin_span(arrived);
  begun_ = true;
  if (jumped) ++jumps_;
  judge(repeated || jumped, arrived);
  arrived_ = std::max(arrived_, arrived);
  const bool known = !doubted_ && !repeated;
  placed_ = known ? ticks_ : by_arrival;
  return {.ticks = placed_, .known = known};
}

std::optional<std::int64_t> PictureTimes::find(std::uint32_t timestamp) const {
  if (!begun_ || doubted_) return std::nullopt;
  return ticks_ + static_cast<std::int32_t>(timestamp - timestamp_);
}

bool PictureTimes::repeats(std::uint32_t timestamp) const noexcept {
  return std::ranges::find(recent_, std::optional(timestamp)) != recent_.end();
}

/// A pause in the arrivals alone is due to the network.
bool PictureTimes::jumps(std::int64_t step, TimePoint arrived) const noexcept {
  const double seconds = static_cast<double>(step) / clock_;
  if (seconds < -kMostBack) return true;
  return seconds > kMostAhead && seconds - Seconds(arrived - arrived_).count() > kMostAhead;
}

void PictureTimes::judge(bool odd, TimePoint arrived) {
  odd_ = (odd_ << 1U | (odd ? 1U : 0U)) & kOdd;
  plausible_ = odd ? 0 : plausible_ + 1;
  judge_pace(arrived);
  if (plausible_ >= kEnough) jumps_ = 0;
  if (std::popcount(odd_) > kMostOdd || jumps_ > kMostOdd || odd_spans_ > kMostOddSpans) {
    doubted_ = true;
  } else if (plausible_ >= kEnough) {
    doubted_ = false;
  }
}

/// Checks once a second that timestamps and arrivals advance at about the same rate. An implausible span is
/// extended, because the network may catch up.
void PictureTimes::judge_pace(TimePoint arrived) {
  ++span_.images;
  span_.highest = std::max(span_.highest, ticks_);
  if (Seconds(arrived - span_.judged).count() < kLeastSpan || span_.images < kLeastImages) return;
  const double arrivals = Seconds(arrived - span_.began).count();
  const double stamped = static_cast<double>(span_.highest - span_.ticks) / clock_;
  const bool odd = stamped < arrivals / kFactor || stamped > arrivals * kFactor;
  odd_spans_ = odd ? odd_spans_ + 1 : 0;
  if (odd) plausible_ = 0;
  span_.judged = arrived;
  span_.images = 0;
  if (!odd || doubted_) begin_span(arrived);
}

void PictureTimes::begin_span(TimePoint arrived) {
  span_ = {.began = arrived, .judged = arrived, .ticks = ticks_, .highest = ticks_};
}

}  // namespace freshframe::media::rtsp

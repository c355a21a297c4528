// Counts the pictures of which no packet has come, by the times of those that have.
// SPDX-License-Identifier: Apache-2.0
#include "media/rtsp/pictures/missing_pictures.hpp"

#include <algorithm>

#include "media/ffmpeg/read/reordering.hpp"

namespace freshframe::media::rtsp {

std::uint64_t MissingPictures::add(std::int64_t time, std::uint64_t lost) {
  const auto place = std::ranges::upper_bound(waiting_, time);
  const auto later = static_cast<std::size_t>(waiting_.end() - place);
  depth_ = std::clamp(later + (began_ && time < last_ ? 1U : 0U), depth_, std::size_t{kMostReordered});
  waiting_.insert(place, time);
  since_loss_ = lost > 0 ? 0 : since_loss_ + 1;
  const auto longest = depth_ > 0 ? std::size_t{kMostReordered} : 0;  // until a place turns out to be empty
  lost_ = since_loss_ > longest ? 0 : lost_ + lost;
  std::uint64_t missing = 0;
  while (waiting_.size() > depth_) {
    missing += settle(waiting_.front());
    waiting_.erase(waiting_.begin());
  }
  return missing;
}

/// No earlier picture will come.
std::uint64_t MissingPictures::settle(std::int64_t time) {
  constexpr std::size_t kMostIntervals = 31;
  const auto step = time - last_;
  const bool first = !began_;
  began_ = true;
  last_ = time;
  if (first || step <= 0) return 0;
  if (lost_ == 0) {
    intervals_.push_back(step);
    if (intervals_.size() > kMostIntervals) intervals_.pop_front();
    return 0;
  }
  const auto usual = interval();
  if (usual <= 0) return 0;
  const auto room = static_cast<std::uint64_t>((step + usual / 2) / usual);
  const auto missing = std::min(lost_, room > 0 ? room - 1 : 0);
  lost_ -= missing;
  return missing;
}

/// The median of the newest.
std::int64_t MissingPictures::interval() const {
  if (intervals_.empty()) return declared_;
  std::vector<std::int64_t> sorted(intervals_.begin(), intervals_.end());
  std::ranges::sort(sorted);
  return sorted[(sorted.size() - 1) / 2];
}

}  // namespace freshframe::media::rtsp

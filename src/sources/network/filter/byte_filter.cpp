// Holds the output of a byte filter on its way to FFmpeg's demuxer.
// SPDX-License-Identifier: Apache-2.0
#include "sources/network/filter/byte_filter.hpp"

#include <algorithm>
#include <cstring>

namespace freshframe::media {

void FilteredBytes::begin_picture(TimePoint arrived, bool after_loss) {
  pictures_.push_back({before_ + static_cast<std::int64_t>(waiting_.size()), arrived, after_loss});
  if (pictures_.size() > kMostPictures) pictures_.pop_front();
}

std::size_t FilteredBytes::take(std::span<std::uint8_t> to) {
  const auto count = std::min(to.size(), waiting_.size() - taken_);
  if (count > 0) std::memcpy(to.data(), waiting_.data() + taken_, count);
  taken_ += count;
  if (empty()) {
    before_ += static_cast<std::int64_t>(waiting_.size());
    waiting_.clear();
    taken_ = 0;
  }
  return count;
}

std::optional<TimePoint> FilteredBytes::arrival(std::int64_t place) {
  const auto* picture = find(place);
  return picture != nullptr ? std::optional(picture->arrived) : std::nullopt;
}

bool FilteredBytes::seek_loss(std::int64_t place) {
  const auto* picture = find(place);
  return picture != nullptr && picture->after_loss;
}

/// Returns null if no image starts at this offset.
const FilteredBytes::Picture* FilteredBytes::find(std::int64_t place) {
  while (!pictures_.empty() && pictures_.front().place < place) pictures_.pop_front();
  return pictures_.empty() || pictures_.front().place != place ? nullptr : &pictures_.front();
}

}  // namespace freshframe::media

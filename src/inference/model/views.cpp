// The rules of growing and of best views.
// SPDX-License-Identifier: Apache-2.0
#include "inference/model/views.hpp"

#include <utility>

namespace freshframe::inference {

bool Views::take(std::int64_t id, double score, double pts) {
  auto& track = tracks_[id];
  track.seen = pts;
  if (!is_wanted(track, score)) return false;
  count(track, score);
  return true;
}

void Views::offer(std::int64_t id, double score, double pts, const Copy& copy) {
  auto& track = tracks_[id];
  track.seen = pts;
  if (!is_wanted(track, score) || score < kGrown * track.waiting) return;
  track.waiting = score;
  track.since = pts;
  track.crop = copy();
}

std::vector<View> Views::due() {
  std::vector<View> views;
  for (auto& [id, track] : tracks_) {
    if (track.waiting <= 0 || now_ - track.since < kPatience) continue;
    count(track, std::exchange(track.waiting, 0));
    views.push_back({id, track.since, std::exchange(track.crop, {})});
  }
  return views;
}

Looked Views::of(std::int64_t id) const {
  const auto found = tracks_.find(id);
  return found == tracks_.end() ? Looked{} : found->second.looked;
}

void Views::advance(double pts) {
  if (pts < now_) tracks_.clear();
  now_ = pts;
  std::erase_if(tracks_, [&](const auto& each) { return pts - each.second.seen > kKept; });
}

}  // namespace freshframe::inference

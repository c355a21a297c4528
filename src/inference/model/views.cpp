// The rule of growing views.
// SPDX-License-Identifier: Apache-2.0
#include "inference/model/views.hpp"

namespace freshframe::inference {

bool Views::take(std::int64_t id, double score, double pts) {
  auto& track = tracks_[id];
  track.seen = pts;
  const bool better = track.looks == 0 || score >= kBetter * track.best;
  if (!(score > 0) || !better || track.looks >= kMostLooks) return false;
  track.best = score;
  ++track.looks;
  return true;
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

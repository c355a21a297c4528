// The list of the patterns of all recorders of this process. Safe to use after fork().
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/segments/pattern_claim.hpp"

#include "freshframe/mutex.hpp"

#include <algorithm>
#include <map>

#include "core/fork_hold.hpp"

namespace freshframe::media {

namespace {

struct ClaimedPatterns {
  struct Recorder {
    SegmentPattern pattern;
    bool deletes;
  };

  Mutex mutex;
  core::ForkHold hold{mutex};
  std::uint64_t last FRESHFRAME_GUARDED_BY(mutex) = 0;
  std::map<std::uint64_t, Recorder> recorders FRESHFRAME_GUARDED_BY(mutex);
};

ClaimedPatterns& patterns() {
  return forks::ProcessWide<ClaimedPatterns>::get();
}

}  // namespace

std::optional<PatternClaim> PatternClaim::try_claim(const SegmentPattern& pattern, bool deletes) {
  auto& all = patterns();
  const Lock lock(all.mutex);
  const bool meets = std::ranges::any_of(all.recorders, [&](const auto& entry) {
    return (deletes || entry.second.deletes) && entry.second.pattern.can_meet(pattern);
  });
  if (meets) return std::nullopt;
  all.recorders.emplace(++all.last, ClaimedPatterns::Recorder{pattern, deletes});
  return PatternClaim(all.last);
}

PatternClaim::~PatternClaim() {
  if (number_ == 0) return;
  auto& all = patterns();
  const Lock lock(all.mutex);
  all.recorders.erase(number_);
}

}  // namespace freshframe::media

// Prevents two recorders of this process from writing the same file.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/write/write_claim.hpp"

#include "freshframe/mutex.hpp"

#include <set>

#include "core/fork_hold.hpp"

namespace freshframe::media {
namespace {

struct Claimed {
  Mutex mutex;
  core::ForkHold hold{mutex};
  std::set<platform::FileId> files FRESHFRAME_GUARDED_BY(mutex);
};

Claimed& get_claimed() {
  return forks::ProcessWide<Claimed>::get();
}

}  // namespace

std::optional<WriteClaim> WriteClaim::try_claim(platform::FileId file) {
  auto& all = get_claimed();
  const Lock lock(all.mutex);
  if (!all.files.insert(file).second) return std::nullopt;
  return WriteClaim(file);
}

WriteClaim::~WriteClaim() {
  if (!file_) return;
  auto& all = get_claimed();
  const Lock lock(all.mutex);
  all.files.erase(*file_);
}

}  // namespace freshframe::media

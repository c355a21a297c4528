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
  std::set<std::pair<std::uint64_t, std::uint64_t>> files FRESHFRAME_GUARDED_BY(mutex);
};

Claimed& claimed() {
  return forks::ProcessWide<Claimed>::get();
}

}  // namespace

std::optional<WriteClaim> WriteClaim::of(std::uint64_t device, std::uint64_t inode) {
  auto& all = claimed();
  const Lock lock(all.mutex);
  if (!all.files.emplace(device, inode).second) return std::nullopt;
  return WriteClaim(File{device, inode});
}

WriteClaim::~WriteClaim() {
  if (!file_) return;
  auto& all = claimed();
  const Lock lock(all.mutex);
  all.files.erase(*file_);
}

}  // namespace freshframe::media

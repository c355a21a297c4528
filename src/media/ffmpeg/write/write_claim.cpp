// Prevents recorders of this process from writing a file that another one writes, or that a source reads.
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
  std::multiset<platform::FileId> read FRESHFRAME_GUARDED_BY(mutex);
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

ReadClaim::ReadClaim(platform::FileId file) : file_(file) {
  auto& all = get_claimed();
  const Lock lock(all.mutex);
  all.read.insert(file);
}

ReadClaim::~ReadClaim() {
  auto& all = get_claimed();
  const Lock lock(all.mutex);
  all.read.erase(all.read.find(file_));
}

bool ReadClaim::is_claimed(platform::FileId file) {
  auto& all = get_claimed();
  const Lock lock(all.mutex);
  return all.read.contains(file);
}

}  // namespace freshframe::media

// Claims on files: a list of this process, and locks that other programs see.
// SPDX-License-Identifier: Apache-2.0
#include "core/file_claim.hpp"

#include "freshframe/mutex.hpp"

#include <map>
#include <set>

#include "core/fork_hold.hpp"

namespace freshframe::core {
namespace {

constexpr const char* kOwnWriter = "this process is writing the file already";
constexpr const char* kOwnReader = "a source of this process is reading the file";
constexpr const char* kOtherProcess = "another process is writing the file";

struct ClaimedFiles {
  struct Writer {
    platform::FileNumber number = -1;
    std::uint64_t serial = 0;
  };

  ClaimedFiles() { forks::Registry::instance().call_in_child(&leave_to_parent); }

  static void leave_to_parent();

  Mutex mutex;
  ForkHold hold{mutex};
  std::uint64_t last FRESHFRAME_GUARDED_BY(mutex) = 0;
  std::map<platform::FileId, Writer> written FRESHFRAME_GUARDED_BY(mutex);
  std::multiset<platform::FileId> read FRESHFRAME_GUARDED_BY(mutex);
};

ClaimedFiles& get_claimed_files() {
  return forks::ProcessWide<ClaimedFiles>::get();
}

void ClaimedFiles::leave_to_parent() {
  auto& all = get_claimed_files();
  const Lock lock(all.mutex);
  for (const auto& [id, writer] : all.written) platform::replace_in_child(writer.number, id);
  all.written.clear();
  all.read.clear();
}

}  // namespace

std::optional<WriteClaim> WriteClaim::try_claim(const OpenedFile& file, Purpose purpose, const char*& why) {
  auto& all = get_claimed_files();
  const Lock lock(all.mutex);
  const bool writes = purpose == Purpose::Write;
  why = all.written.contains(file.id)          ? kOwnWriter
        : writes && all.read.contains(file.id) ? kOwnReader
                                               : nullptr;
  if (why != nullptr) return std::nullopt;
  const auto locking =
      platform::try_lock(file.number, writes ? platform::FileLock::Exclusive : platform::FileLock::Shared);
  if (locking == platform::Locking::Refused) {
    why = kOtherProcess;
    return std::nullopt;
  }
  all.written.emplace(file.id, ClaimedFiles::Writer{file.number, ++all.last});
  return WriteClaim(file, all.last, locking == platform::Locking::Done);
}

void WriteClaim::release() noexcept {
  const auto file = std::exchange(file_, std::nullopt);
  if (!file) return;
  auto& all = get_claimed_files();
  const Lock lock(all.mutex);
  const auto found = all.written.find(file->id);
  // The parent process has claimed the file.
  if (found == all.written.end() || found->second.serial != serial_) return;
  if (is_locked_) platform::unlock(file->number, file->id);
  all.written.erase(found);
}

const char* find_writer(const OpenedFile& file) {
  auto& all = get_claimed_files();
  const Lock lock(all.mutex);
  if (all.written.contains(file.id)) return kOwnWriter;
  return platform::is_locked_by_writer(file.number) ? kOtherProcess : nullptr;
}

ReadClaim::ReadClaim(platform::FileId file) : file_(file) {
  auto& all = get_claimed_files();
  const Lock lock(all.mutex);
  all.read.insert(file_);
}

ReadClaim::~ReadClaim() {
  auto& all = get_claimed_files();
  const Lock lock(all.mutex);
  if (const auto found = all.read.find(file_); found != all.read.end()) all.read.erase(found);
}

bool ReadClaim::is_claimed(platform::FileId file) {
  auto& all = get_claimed_files();
  const Lock lock(all.mutex);
  return all.read.contains(file);
}

}  // namespace freshframe::core

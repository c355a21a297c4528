// The finished segments of one recorder, and which of them goes next.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/media.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "media/recording/segments/own_files.hpp"

namespace freshframe::media {

/// What a deletion is decided by, beside the list.
struct DiskUse {
  std::uint64_t open_bytes = 0;            // of the file that is being written
  std::uint64_t reserve = 0;               // bytes that may come before the next look
  std::optional<std::uint64_t> free = {};  // bytes on the disk; nullopt: unknown
  bool by_age = true;                      // false: the clock cannot be trusted
};

/// Oldest first: by the number in the name, or else by the time of the last change. Segments that this process
/// has finished are in their order, whatever the clock says. One thread.
class KeepList {
 public:
  /// A scan of the folders begins: it may not see what is added from now on.
  void begin_scan() noexcept;
  /// The result of a scan. Known segments stay where they are, and a segment that a removal has left stays left
  /// no longer. Those that were not found are forgotten, but for those that were added during the scan.
  void merge(std::vector<OwnFile> found);
  /// A segment that was finished now.
  void add(const OwnFile& file);
  void forget(const std::string& name);
  /// Cannot be deleted, until the next merge(): it is pinned, or the system refuses. It stays in the sum.
  void leave(const std::string& name);
  /// The wall clock was set by so many seconds: what is known of the past is moved with it.
  void shift(double seconds);

  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return files_.size(); }
  /// Unix time of the newest one; nullopt: there is none.
  [[nodiscard]] std::optional<double> newest() const;
  /// The limit that is passed: "days", "bytes" or "free_bytes"; nullptr: none.
  [[nodiscard]] const char* passed(const Keep& limits, const DiskUse& use) const;
  /// The oldest one that can be deleted; nullptr: there is none.
  [[nodiscard]] const OwnFile* oldest() const;

 private:
  struct Entry {
    OwnFile file;
    bool left = false;
    bool is_new = false;  // was added since the last scan began
  };

  [[nodiscard]] std::deque<Entry>::iterator find(const std::string& name);
  void insert(const OwnFile& file);

  std::deque<Entry> files_;
  std::uint64_t bytes_ = 0;
};

}  // namespace freshframe::media

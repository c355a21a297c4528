// A list that grows with a recording: first in memory, then in a temporary file in the same directory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "platform/file.hpp"

namespace freshframe::media {

/// Uses at most 64 KiB of memory, unless no file can be created in the directory. The file has no name, so it
/// vanishes with this object, even if the process is killed. Not thread-safe.
class IndexRecords {
 public:
  using Record = std::array<std::uint32_t, 3>;

  /// `path` is the recording's. The file is created in the same directory.
  explicit IndexRecords(std::string path) : path_(std::move(path)) {}

  /// Throws Error if the file cannot be written.
  void add(const Record& record);
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  /// Calls `use` for each record, in order. Throws Error if the file cannot be read.
  void for_each(const std::function<void(const Record&)>& use) const;

 private:
  void make_file();
  void write_out();

  std::string path_;
  std::vector<Record> latest_;  // records that are not in the file yet
  platform::File file_;
  std::int64_t in_file_ = 0;  // bytes
  std::uint32_t count_ = 0;
  bool refused_ = false;  // no file could be created in the directory
};

}  // namespace freshframe::media

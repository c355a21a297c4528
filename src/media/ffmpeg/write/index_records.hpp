// A list that grows with a recording: in memory at first, then in a file of the same folder.
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

/// The memory is at most 64 KiB, unless the folder refuses a new file. The file has no name, so it ends with the
/// object, also where the process is killed. One thread.
class IndexRecords {
 public:
  using Record = std::array<std::uint32_t, 3>;

  /// `path`: of the recording.
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
  std::vector<Record> latest_;  // not in the file
  platform::File file_;
  std::int64_t in_file_ = 0;  // bytes
  std::uint32_t count_ = 0;
  bool refused_ = false;  // the folder refused a new file
};

}  // namespace freshframe::media

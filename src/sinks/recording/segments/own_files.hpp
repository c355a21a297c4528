// The segments of one pattern on disk. Finds, measures and deletes them without following symlinks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sinks/recording/segments/segment_pattern.hpp"

namespace freshframe::media {

/// A file that matches the pattern.
struct OwnFile {
  std::string name;         // path below the pattern's base
  std::int64_t number = 0;  // number in the name; 0 if the pattern has none or the order is by time
  std::uint64_t bytes = 0;  // allocated size
  double written = 0;       // Unix time of the last modification
};

/// Which of two files is older.
enum class FileOrder : std::uint8_t {
  Number,  // the file with the lower number is older; with equal numbers, the one modified earlier
  Time     // the file modified earlier is older
};

/// The path of the pattern's base may contain symlinks. Below it none are followed, and only regular files of
/// this process's user are considered. Thread-safe.
class OwnFiles {
 public:
  enum class Removal : std::uint8_t {
    Done,
    Gone,    // the file no longer exists
    Pinned,  // there is a file with this name plus ".keep"
    Busy,    // being written by a recorder of this or another process, or not readable
    Foreign  // not a regular file of this user
  };

  explicit OwnFiles(const SegmentPattern& pattern, FileOrder order = FileOrder::Number)
      : pattern_(pattern), order_(order) {}

  /// All files, unsorted.
  [[nodiscard]] std::vector<OwnFile> scan() const;
  /// The highest number in any matching name, even of files that are not segments; 0 if there is none.
  [[nodiscard]] std::int64_t highest_number() const;
  /// Returns nullopt if there is no such file.
  [[nodiscard]] std::optional<OwnFile> look(const std::string& name) const;
  /// Deletes the file, and its folders below the base if they are empty. Throws Error if the operating system
  /// refuses.
  [[nodiscard]] Removal remove(const std::string& name) const;
  /// Free bytes for this user on the base's disk; nullopt if unknown.
  [[nodiscard]] std::optional<std::uint64_t> free_bytes() const;

 private:
  SegmentPattern pattern_;
  FileOrder order_;
};

}  // namespace freshframe::media

// The segments of one pattern on the disk: found, measured and deleted without following a link.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sinks/recording/segments/segment_pattern.hpp"

namespace freshframe::media {

/// A file that the pattern names.
struct OwnFile {
  std::string name;         // its path below the pattern's base
  std::int64_t number = 0;  // number in its name; 0 if the pattern has none
  std::uint64_t bytes = 0;  // on the disk
  double written = 0;       // Unix time of its last change
};

/// The pattern's base may be reached through links. Below it nothing is: each folder is opened without following
/// a link, and only regular files of this process's user count. Any thread.
class OwnFiles {
 public:
  enum class Removal : std::uint8_t {
    Done,
    Gone,    // there was no such file any more
    Pinned,  // a file of this name plus ".keep" is beside it
    Busy,    // a recorder of this process or another one writes it, or it cannot be read
    Foreign  // it is no regular file of this user
  };

  explicit OwnFiles(const SegmentPattern& pattern) : pattern_(pattern) {}

  /// All of them, in no order.
  [[nodiscard]] std::vector<OwnFile> scan() const;
  /// In any name that the pattern could make, whatever has that name; 0 without such a name.
  [[nodiscard]] std::int64_t highest_number() const;
  /// Returns nullopt if there is no such file.
  [[nodiscard]] std::optional<OwnFile> look(const std::string& name) const;
  /// Removes the file, and its folders below the base if they are empty then. Throws Error when the system
  /// refuses.
  [[nodiscard]] Removal remove(const std::string& name) const;
  /// Bytes that are free for this user where the base is. nullopt means the system does not say.
  [[nodiscard]] std::optional<std::uint64_t> free_bytes() const;

 private:
  SegmentPattern pattern_;
};

}  // namespace freshframe::media

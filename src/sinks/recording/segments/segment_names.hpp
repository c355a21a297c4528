// The names of the next segments of one recorder.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "sinks/recording/segments/segment_pattern.hpp"

namespace freshframe::media {

/// Numbers start after the highest existing one in any folder of the pattern. Not thread-safe.
class SegmentNames {
 public:
  explicit SegmentNames(const std::string& path) : path_(path), pattern_(path) {}

  [[nodiscard]] const SegmentPattern& pattern() const noexcept { return pattern_; }
  /// The next unused file name, relative to pattern().base(), taking into account files that other programs
  /// have created. Returns the same name until note_taken(), unless the time changes it. Throws Error if
  /// there are no more numbers.
  [[nodiscard]] std::string next(double unix_time);
  void note_taken() noexcept { ++next_; }
  /// Makes the last taken name available again.
  void give_back() noexcept {
    if (next_ > 1) --next_;
  }
  /// Makes the base absolute, so that later changes of the working directory do not matter.
  void settle() { pattern_.settle(); }
  /// The full path of a name returned by next().
  [[nodiscard]] std::string make_path(const std::string& name) const;
  [[nodiscard]] bool has_folders(const std::string& name) const;
  /// Creates the folders that a name returned by next() has below the base. Throws Error.
  void make_folders(const std::string& name) const;

 private:
  [[nodiscard]] bool exists(const std::string& name) const;

  std::string path_;
  SegmentPattern pattern_;
  std::int64_t next_ = 0;  // 0 if unknown
};

}  // namespace freshframe::media

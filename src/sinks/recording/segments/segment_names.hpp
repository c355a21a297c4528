// The names of the next segments of one recorder.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "sinks/recording/segments/segment_pattern.hpp"

namespace freshframe::media {

/// Numbers begin above the highest existing one, in any folder of the pattern. One thread.
class SegmentNames {
 public:
  explicit SegmentNames(const std::string& path) : path_(path), pattern_(path) {}

  [[nodiscard]] const SegmentPattern& pattern() const noexcept { return pattern_; }
  /// A file, below pattern().base(), that does not exist, even if another program has written some since. The
  /// same until note_taken(), as long as the time gives the same. Throws Error when no number is left.
  [[nodiscard]] std::string next(double unix_time);
  void note_taken() noexcept { ++next_; }
  /// The name that was taken last is free again.
  void give_back() noexcept {
    if (next_ > 1) --next_;
  }
  /// From now on the base is one place, whatever the program's directory is.
  void settle() { pattern_.settle(); }
  /// The path of a name that next() gave.
  [[nodiscard]] std::string make_path(const std::string& name) const;
  [[nodiscard]] bool has_folders(const std::string& name) const;
  /// Makes the folders of such a name below the base. Throws Error.
  void make_folders(const std::string& name) const;

 private:
  [[nodiscard]] bool exists(const std::string& name) const;

  std::string path_;
  SegmentPattern pattern_;
  std::int64_t next_ = 0;  // 0: not known yet
};

}  // namespace freshframe::media

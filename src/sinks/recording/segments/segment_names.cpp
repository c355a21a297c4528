// Finds the next unused name, even if other programs create files too.
// SPDX-License-Identifier: Apache-2.0
#include "sinks/recording/segments/segment_names.hpp"

#include "freshframe/error.hpp"

#include <cmath>
#include <filesystem>
#include <system_error>

#include "sinks/recording/segments/own_files.hpp"

namespace freshframe::media {

std::string SegmentNames::next(double unix_time) {
  const auto seconds = static_cast<std::int64_t>(std::floor(unix_time));
  if (!pattern_.has_number()) {
    for (int copy = 1;; ++copy) {
      auto name = pattern_.make_name(seconds, 0, copy);
      if (!exists(name)) return name;
    }
  }
  if (next_ == 0) next_ = OwnFiles(pattern_).highest_number() + 1;
  for (;; ++next_) {
    auto name = pattern_.make_name(seconds, next_);
    if (!pattern_.parse(name.substr(name.rfind('/') + 1))) {
      throw Error("cannot write '" + path_ +
                  "': the numbers are used up, because the folder has a file with number " +
                  std::to_string(next_ - 1));
    }
    if (!exists(name)) return name;
  }
}

std::string SegmentNames::make_path(const std::string& name) const {
  return pattern_.base() + (pattern_.base() == "/" ? "" : "/") + name;
}

bool SegmentNames::exists(const std::string& name) const {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::symlink_status(make_path(name), error));
}

bool SegmentNames::has_folders(const std::string& name) const {
  std::error_code error;
  return std::filesystem::is_directory(std::filesystem::path(make_path(name)).parent_path(), error);
}

void SegmentNames::make_folders(const std::string& name) const {
  if (pattern_.depth() == 0) return;
  const auto folder = std::filesystem::path(make_path(name)).parent_path();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw Error("cannot create the folder '" + folder.string() + "': " + error.message());
}

}  // namespace freshframe::media

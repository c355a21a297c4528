// Explains why a path cannot be a video. Runs before FFmpeg, whose error messages only name the consequence.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace freshframe::media {

/// Why a file cannot be read, and what the user can do about it.
struct PathFault {
  std::string why;
  int code = 0;  // an errno
};

/// `given`: the name as the program wrote it; `path` may have been made absolute.
[[nodiscard]] std::optional<PathFault> path_fault(const std::string& path, std::string_view given);

}  // namespace freshframe::media

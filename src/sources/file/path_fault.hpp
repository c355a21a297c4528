// Why a path cannot be a video: checked before FFmpeg, whose messages name only the consequence.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace freshframe::media {

/// A reason with its remedy.
struct PathFault {
  std::string why;
  int code = 0;  // of <cerrno>
};

/// `given`: the name that the program wrote, because `path` may have become absolute.
[[nodiscard]] std::optional<PathFault> path_fault(const std::string& path, std::string_view given);

}  // namespace freshframe::media

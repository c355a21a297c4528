// Describes the image of a frozen source.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <string>

#include "core/unit_text.hpp"

namespace freshframe::core {

/// "has shown the same image for 312 s: 156 keyframes, 1 content"; "shows new images again".
[[nodiscard]] inline std::string frozen_text(const SourceStats& source) {
  if (source.frozen.empty()) return "shows new images again";
  const auto rounded = [](double seconds) {
    return number_text(seconds, std::chars_format::fixed, 0) + " s";
  };
  const auto lasted = rounded(source.frozen_for);
  if (source.frozen == "flat") return "has shown no contrast for " + lasted;
  const auto pictures = count_text(source.frozen_frames, "keyframe");
  if (source.frozen == "loop") {
    return "has shown the same images repeatedly for " + lasted + ", every " + rounded(source.frozen_period) +
           ": " + pictures + ", " + count_text(source.frozen_contents, "new one");
  }
  if (source.frozen_contents == source.frozen_frames)
    return "has probably shown the same image for " + lasted + ": parts of it were repeated in " + pictures;
  return "has shown the same image for " + lasted + ": " + pictures + ", " +
         count_text(source.frozen_contents, "content");
}

}  // namespace freshframe::core

// What a source that stands still shows, in words.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <charconv>
#include <cstdint>
#include <string>

#include "core/unit_text.hpp"

namespace freshframe::core {

/// "has shown one picture for 312 s: 156 key pictures, 1 content"; "shows other pictures again".
[[nodiscard]] inline std::string still_text(const SourceStats& source) {
  if (source.still.empty()) return "shows other pictures again";
  const auto rounded = [](double seconds) {
    return number_text(seconds, std::chars_format::fixed, 0) + " s";
  };
  const auto counted = [](std::uint64_t count, const std::string& noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
  };
  const auto lasted = rounded(source.still_for);
  if (source.still == "flat") return "has shown no contrast for " + lasted;
  const auto pictures = counted(source.still_frames, "key picture");
  if (source.still == "loop") {
    return "has shown the same pictures again and again for " + lasted + ", each " +
           rounded(source.still_period) + ": " + pictures + ", " + counted(source.still_contents, "new one");
  }
  if (source.still_contents == source.still_frames)
    return "has probably shown one picture for " + lasted + ": parts of it came again in " + pictures;
  return "has shown one picture for " + lasted + ": " + pictures + ", " +
         counted(source.still_contents, "content");
}

}  // namespace freshframe::core

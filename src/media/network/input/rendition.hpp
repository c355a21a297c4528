// Which of a stream's videos a user wants, where there are several.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace freshframe::media {

struct Rendition {
  enum class By : unsigned char {
    Best,    // the largest pictures; of equal ones the first
    Worst,   // the smallest ones; of equal ones the first
    Height,  // the best of at most `value` rows; if there is none, the worst
    Number   // its place in the list of the videos, from 0
  };
  By by = By::Best;
  int value = 0;
};

/// "best", "worst", "720p" or "2". nullopt: it is none of these.
[[nodiscard]] std::optional<Rendition> parse_rendition(const std::string& text);

}  // namespace freshframe::media

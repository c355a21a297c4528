// Which of a stream's videos a user wants, where there are several.
// SPDX-License-Identifier: Apache-2.0
#include "media/network/input/rendition.hpp"

#include <cstddef>
#include <string_view>

#include "core/ascii.hpp"

namespace freshframe::media {

std::optional<Rendition> parse_rendition(const std::string& text) {
  constexpr std::size_t kMostDigits = 5;
  if (text == "best") return Rendition{};
  if (text == "worst") return Rendition{.by = Rendition::By::Worst};
  std::string_view digits = text;
  const bool height = digits.ends_with('p');
  if (height) digits.remove_suffix(1);
  if (!core::all_digits(digits) || digits.size() > kMostDigits) return std::nullopt;
  const int value = std::stoi(std::string(digits));
  if (height && value == 0) return std::nullopt;
  return Rendition{.by = height ? Rendition::By::Height : Rendition::By::Number, .value = value};
}

}  // namespace freshframe::media

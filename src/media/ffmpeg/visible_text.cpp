// Text from servers and devices, made safe for a terminal.
// SPDX-License-Identifier: Apache-2.0
#include "media/ffmpeg/visible_text.hpp"

#include <cstddef>

namespace freshframe::media {

std::string visible_text(std::string_view text) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool c1 = byte(i) == 0xC2 && byte(i + 1) >= 0x80 && byte(i + 1) <= 0x9F;
    if (byte(i) < 0x20 || byte(i) == 0x7F || c1) {
      result += kReplacement;
      i += c1 ? 1 : 0;
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace freshframe::media

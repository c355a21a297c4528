// Labels as masks, rendered once by Cairo and cached.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::vision {

/// A rounded label with text, as masks of equal size.
struct Label {
  static constexpr int kMargin = 1;  // pixels around the label, for its outline

  int width = 0;  // width of the masks
  int height = 0;
  std::vector<std::uint8_t> tag;
  std::vector<std::uint8_t> edge;  // a thin line around the label
  std::vector<std::uint8_t> letters;
};

/// A line of text as a mask, with the full height of the font.
struct Lettering {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> mask;
};

/// `font`: font height in pixels. Throws Error if Cairo fails.
[[nodiscard]] Lettering lettering(const std::string& text, double font);

/// Caches the most recent labels. Not thread-safe.
class Labels {
 public:
  /// `font`: font height in pixels. The result is valid until the next call. Throws Error if Cairo fails.
  [[nodiscard]] const Label& label(const std::string& text, double font);

 private:
  static constexpr std::size_t kMost = 512;

  double font_ = 0;
  std::map<std::string, Label> labels_;
};

/// Converts UTF-8 to ASCII: Latin letters lose their accents ("Tür" is "Tur", "ß" is "ss"), others become a
/// character that the font draws as an empty box. Limited to `most` characters; longer strings end with
/// "...".
[[nodiscard]] std::string drawable_text(std::string_view text, std::size_t most);

}  // namespace freshframe::vision

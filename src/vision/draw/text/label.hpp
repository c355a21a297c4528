// Labels as masks, each drawn once by Cairo.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace freshframe::vision {

/// A rounded tag with a text in it, in masks of the same size.
struct Label {
  static constexpr int kMargin = 1;  // pixels around the tag: its edge

  int width = 0;  // width of a mask
  int height = 0;
  std::vector<std::uint8_t> tag;
  std::vector<std::uint8_t> edge;  // a thin line around the tag
  std::vector<std::uint8_t> letters;
};

/// A line of text as a mask, from the top of its font to the bottom.
struct Lettering {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> mask;
};

/// `font`: the height of the letters' font in pixels. Throws Error when Cairo fails.
[[nodiscard]] Lettering lettering(const std::string& text, double font);

/// The labels of the last texts. One thread at a time.
class Labels {
 public:
  /// `font`: the height of the letters' font in pixels. Valid until the next call. Throws Error when Cairo
  /// fails.
  [[nodiscard]] const Label& label(const std::string& text, double font);

 private:
  static constexpr std::size_t kMost = 512;

  double font_ = 0;
  std::map<std::string, Label> labels_;
};

/// UTF-8 in ASCII: Latin letters lose their accents ("Tür" is "Tur", "ß" is "ss"), every other letter becomes a
/// letter that the font shows as an empty box. At most `most` letters; "..." ends a longer text.
[[nodiscard]] std::string drawable_text(std::string_view text, std::size_t most);

}  // namespace freshframe::vision

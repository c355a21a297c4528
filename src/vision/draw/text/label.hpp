// Labels as masks, each drawn once by Cairo.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace freshframe::vision {

/// A rounded tag with a text in it, in masks of the same size.
struct Label {
  static constexpr int kMargin = 1;  // pixels around the tag, for its edge

  int width = 0;  // of a mask
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

}  // namespace freshframe::vision

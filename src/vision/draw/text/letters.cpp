// Letters that Cairo's own font lacks. It has ASCII.
// SPDX-License-Identifier: Apache-2.0
#include "vision/draw/text/letters.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

namespace freshframe::vision {
namespace {

constexpr char32_t kFirstLatin = 0xC0;
constexpr char32_t kEndOfLatin = 0x180;

// Letters for U+00C0 to U+017F, a word each.
constexpr std::string_view kLatin =
    "A A A A A A AE C E E E E I I I I D N O O O O O x O U U U U Y Th ss a a a a a a ae c e e e e i i i "
    "i d n o o o o o : o u u u u y th y A a A a A a C c C c C c C c D d D d E e E e E e E e E e G g G g "
    "G g G g H h H h I i I i I i I i I i IJ ij J j K k k L l L l L l L l L l N n N n N n 'n N n O o O o "
    "O o OE oe R r R r R r S s S s S s S s T t T t T t U u U u U u U u U u U u W w Y y Y Z z Z z Z z s";

constexpr auto kLatinWords = [] {
  std::array<std::string_view, kEndOfLatin - kFirstLatin> made;
  std::string_view rest = kLatin;
  for (auto& word : made) {
    word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  }
  return made;
}();

constexpr char kMissing = '\x7f';  // DEL: the font draws it as a box, like all missing letters
constexpr char32_t kWrong = 0xFFFD;

/// Takes one letter from the front; kWrong for bytes that are not UTF-8.
char32_t take_letter(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  text.remove_prefix(1);
  if (first < 0x80) return first;
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  if (first < 0xC2 || first > 0xF4) return kWrong;
  char32_t letter = first & (0x3FU >> static_cast<unsigned>(more));
  for (int i = 0; i < more; ++i) {
    if (text.empty() || (static_cast<unsigned char>(text.front()) & 0xC0U) != 0x80U) return kWrong;
    letter = letter << 6U | (static_cast<unsigned char>(text.front()) & 0x3FU);
    text.remove_prefix(1);
  }
  return letter;
}

bool is_accent(char32_t letter) {  // a combining one, which follows its letter
  return letter >= 0x300 && letter < 0x370;
}

}  // namespace

std::string drawable_text(std::string_view text, std::size_t most) {
  constexpr std::string_view kMore = "...";
  std::string result;
  while (!text.empty() && result.size() <= most) {
    const char32_t letter = take_letter(text);
    if (letter >= 0x20 && letter < 0x7F) {
      result += static_cast<char>(letter);
    } else if (letter < 0x20 || letter == 0xA0) {
      result += ' ';
    } else if (letter >= kFirstLatin && letter < kEndOfLatin) {
      result += kLatinWords[letter - kFirstLatin];
    } else if (!is_accent(letter)) {
      result += kMissing;
    }
  }
  if (result.size() <= most) return result;
  const auto kept = most > kMore.size() ? most - kMore.size() : 0;
  return result.substr(0, kept).append(kMore.substr(0, most - kept));
}

}  // namespace freshframe::vision

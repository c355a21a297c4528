// Whether two patterns of file names have a name in common: a walk through the pairs of places in both.
// SPDX-License-Identifier: Apache-2.0
#include "media/recording/segments/pattern_meeting.hpp"

#include <cstddef>

#include "core/ascii.hpp"

namespace freshframe::media {
namespace {

/// One letter, one digit, or any number of digits.
struct Step {
  enum class Kind : std::uint8_t { Letter, Digit, Digits };
  Kind kind = Kind::Letter;
  char letter = 0;
};

std::vector<Step> steps_of(const std::vector<PatternPiece>& pieces) {
  std::vector<Step> steps;
  for (const auto& piece : pieces) {
    for (const char letter : piece.text) steps.push_back({.letter = letter});
    const auto least = piece.kind == PatternPiece::Kind::Number && piece.digits == 0 ? 1 : piece.digits;
    if (piece.kind != PatternPiece::Kind::Text) steps.insert(steps.end(), least, {Step::Kind::Digit});
    if (piece.kind == PatternPiece::Kind::Number) steps.push_back({Step::Kind::Digits});
  }
  return steps;
}

bool share_a_letter(const Step& one, const Step& other) {
  if (one.kind == Step::Kind::Letter && other.kind == Step::Kind::Letter) return one.letter == other.letter;
  if (one.kind == Step::Kind::Letter) return core::is_digit(one.letter);
  return other.kind != Step::Kind::Letter || core::is_digit(other.letter);
}

}  // namespace

bool patterns_meet(const std::vector<PatternPiece>& one, const std::vector<PatternPiece>& other) {
  const auto a = steps_of(one);
  const auto b = steps_of(other);
  const auto width = b.size() + 1;
  std::vector<bool> reached((a.size() + 1) * width, false);
  reached[0] = true;
  const auto reach = [&](std::size_t i, std::size_t j) { reached[i * width + j] = true; };
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (!reached[i * width + j]) continue;
      const bool many_a = i < a.size() && a[i].kind == Step::Kind::Digits;
      const bool many_b = j < b.size() && b[j].kind == Step::Kind::Digits;
      if (many_a) reach(i + 1, j);
      if (many_b) reach(i, j + 1);
      if (i < a.size() && j < b.size() && share_a_letter(a[i], b[j]))
        reach(many_a ? i : i + 1, many_b ? j : j + 1);
    }
  }
  return reached.back();
}

}  // namespace freshframe::media

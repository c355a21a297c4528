// Decodes counts with five bits per character. From the third count on, they are differences.
// SPDX-License-Identifier: Apache-2.0
#include "vision/draw/run_lengths.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

namespace freshframe::vision {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw Error(
      "a mask must be a string of the form HEIGHTxWIDTH:COUNTS with COCO's counts, as "
      "freshframe.masks.encode() returns it: " +
      why);
}

std::vector<std::int64_t> decode_counts(std::string_view letters) {
  constexpr int kFirst = '0';
  constexpr int kMostParts = 12;  // maximum number of five-bit groups
  constexpr std::int64_t kLongestRun = std::int64_t{1} << 40;
  std::vector<std::int64_t> counts;
  std::size_t i = 0;
  while (i < letters.size()) {
    std::int64_t number = 0;
    bool more = true;
    for (int part = 0; more; ++part) {
      const int bits = i < letters.size() ? letters[i++] - kFirst : -1;
      if (bits < 0 || bits > 63 || part >= kMostParts) refuse("its counts are cut off or invalid");
      number |= std::int64_t{bits & 0x1f} << (5 * part);
      more = (bits & 0x20) != 0;
      if (!more && (bits & 0x10) != 0) number -= std::int64_t{1} << (5 * (part + 1));
    }
    if (counts.size() > 2) number += counts[counts.size() - 2];
    if (number < 0) refuse("a run has a negative length");
    if (number > kLongestRun) refuse("a run is longer than any image");
    counts.push_back(number);
  }
  return counts;
}

struct Runs {
  std::vector<std::int64_t> counts;
  std::int64_t height = 0;

  // Calls visit(column, first row, end row) for each run of a column inside the mask.
  template <class Visit>
  void each(const Visit& visit) const {
    std::int64_t at = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const auto end = at + counts[i];
      for (auto from = at; i % 2 == 1 && from < end;) {
        const auto column = from / height;
        const auto to = std::min(end, (column + 1) * height);
        visit(static_cast<int>(column), static_cast<int>(from - column * height),
              static_cast<int>(to - column * height));
        from = to;
      }
      at = end;
    }
  }
};

}  // namespace

ObjectMask parse_mask(std::string_view text, int width, int height) {
  if (text.empty()) return {};
  const auto colon = text.find(':');
  const auto size = std::to_string(height) + "x" + std::to_string(width);
  if (colon == std::string_view::npos) refuse("it has no ':'");
  if (text.substr(0, colon) != size)
    refuse("it is one of " + std::string(text.substr(0, colon)) + " pixels, but the image has " + size);
  const Runs runs{decode_counts(text.substr(colon + 1)), height};
  std::int64_t sum = 0;
  for (const auto count : runs.counts) {
    sum += count;
    if (sum > std::int64_t{width} * height) refuse("its runs are longer than the image");
  }
  int left = width;
  int right = 0;
  int top = height;
  int bottom = 0;
  runs.each([&](int column, int from, int to) {
    left = std::min(left, column);
    right = std::max(right, column + 1);
    top = std::min(top, from);
    bottom = std::max(bottom, to);
  });
  if (left >= right) return {};
  ObjectMask mask{.left = left, .top = top, .width = right - left, .height = bottom - top, .bytes = {}};
  const auto stride = static_cast<std::size_t>(mask.width);
  mask.bytes.assign(stride * static_cast<std::size_t>(mask.height), 0);
  runs.each([&](int column, int from, int to) {
    for (int y = from; y < to; ++y)
      mask.bytes[static_cast<std::size_t>(y - top) * stride + static_cast<std::size_t>(column - left)] = 255;
  });
  return mask;
}

}  // namespace freshframe::vision

// Encodes counts with five bits per character. From the third count on, it writes the difference to the count
// two before.
// SPDX-License-Identifier: Apache-2.0
#include "inference/masks/mask_text.hpp"

#include <numeric>

#include "inference/masks/mask_rows.hpp"

namespace freshframe::inference {
namespace {

void write_count(std::int64_t number, std::string& text) {
  constexpr char kFirst = '0';
  bool more = true;
  while (more) {
    const auto bits = static_cast<int>(number & 0x1f);
    number >>= 5;
    more = number != ((bits & 0x10) != 0 ? -1 : 0);
    text += static_cast<char>(kFirst + bits + (more ? 0x20 : 0));
  }
}

}  // namespace

std::string MaskText::text() const {
  const auto end = std::int64_t{width_} * height_;
  std::vector<std::int64_t> counts(flips_.size() + 1);
  std::adjacent_difference(flips_.begin(), flips_.end(), counts.begin());
  counts.back() = flips_.empty() ? end : end - flips_.back();
  if (counts.back() == 0) counts.pop_back();
  std::string text = std::to_string(height_) + "x" + std::to_string(width_) + ":";
  for (std::size_t i = 0; i < counts.size(); ++i)
    write_count(i > 2 ? counts[i] - counts[i - 2] : counts[i], text);
  return text;
}

std::string encode_mask(const std::uint8_t* mask, int width, int height) {
  const auto columns = static_cast<std::size_t>(width);
  std::vector<MaskFlip> flips;
  const std::vector<std::uint8_t> outside(columns);
  // pixels above the first row and below the last one are outside the mask
  for (int y = 0; y <= height; ++y) {
    const auto* const above = y > 0 ? mask + static_cast<std::size_t>(y - 1) * columns : outside.data();
    const auto* const row = y < height ? mask + static_cast<std::size_t>(y) * columns : outside.data();
    find_flips(above, row, columns, y, flips);
  }
  std::vector<std::size_t> first(columns + 1);  // index of the first flip of each column
  for (const auto& flip : flips) ++first[static_cast<std::size_t>(flip.column) + 1];
  std::partial_sum(first.begin(), first.end(), first.begin());
  std::vector<MaskFlip> by_column(flips.size());
  for (const auto& flip : flips) by_column[first[static_cast<std::size_t>(flip.column)]++] = flip;
  MaskText text(width, height);
  for (const auto& flip : by_column) text.flip(flip.column, flip.row);
  return text.text();
}

}  // namespace freshframe::inference

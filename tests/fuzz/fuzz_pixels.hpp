// Pictures out of a fuzzer's bytes: shapes with edges, and bytes over them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "fuzz_input.hpp"

namespace freshframe::fuzz {

/// Pixels in memory of exactly their size, so that AddressSanitizer sees a single byte read too far; rows may
/// lie upside down.
class Pixels {
 public:
  Pixels(int row_bytes, int rows, int padding, bool upside_down)
      : row_bytes_(row_bytes), rows_(rows), pitch_(row_bytes + padding), upside_down_(upside_down) {
    size_ = static_cast<std::size_t>(pitch_) * static_cast<std::size_t>(rows - 1) +
            static_cast<std::size_t>(row_bytes);
    memory_ = std::make_unique<std::uint8_t[]>(size_);
  }

  [[nodiscard]] Plane plane() const {
    const std::ptrdiff_t last = std::ptrdiff_t{pitch_} * (rows_ - 1);
    if (upside_down_) return {memory_.get() + last, rows_, row_bytes_, -std::ptrdiff_t{pitch_}};
    return {memory_.get(), rows_, row_bytes_, pitch_};
  }
  [[nodiscard]] std::uint8_t* row(int y) { return memory_.get() + std::ptrdiff_t{y} * pitch_; }
  [[nodiscard]] int row_bytes() const { return row_bytes_; }
  [[nodiscard]] int rows() const { return rows_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  int row_bytes_;
  int rows_;
  int pitch_;
  bool upside_down_;
  std::size_t size_ = 0;
  std::unique_ptr<std::uint8_t[]> memory_;
};

/// Discs, rings, boxes and dotted discs: random bytes alone would never be a circle.
inline void draw_shapes(Pixels& pixels, Input& input) {
  const int shapes = input.byte() % 24;
  for (int n = 0; n < shapes; ++n) {
    const int kind = input.byte() % 4;
    const int cx = input.below(pixels.row_bytes());
    const int cy = input.below(pixels.rows());
    const int size = 1 + input.byte();
    const std::uint8_t grey = input.byte();
    for (int y = std::max(0, cy - size); y < std::min(pixels.rows(), cy + size + 1); ++y) {
      for (int x = std::max(0, cx - size); x < std::min(pixels.row_bytes(), cx + size + 1); ++x) {
        const int d2 = (x - cx) * (x - cx) + (y - cy) * (y - cy);
        const bool disc = d2 <= size * size;
        const bool ring = disc && d2 >= (size - 2) * (size - 2);
        const bool dotted = disc && ((x / 4) ^ (y / 4)) % 2 != 0;
        const bool inside[] = {disc, ring, true, dotted};
        if (inside[kind]) pixels.row(y)[x] = grey;
      }
    }
  }
}

/// Adds `bytes` over and over, each at most `most`.
inline void fill(Pixels& pixels, int most, std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  std::size_t i = 0;
  for (int y = 0; y < pixels.rows(); ++y) {
    for (int x = 0; x < pixels.row_bytes(); ++x, ++i) {
      auto& p = pixels.row(y)[x];
      p = static_cast<std::uint8_t>(p + bytes[i % bytes.size()] % (most + 1));
    }
  }
}

}  // namespace freshframe::fuzz

// Links edge pixels into chains by walking along the tangent.
// SPDX-License-Identifier: Apache-2.0
//
// Similar to C. Topal, C. Akinlar, "Edge Drawing", JVCIR 2012, but walks only on thinned edges, and limits
// the turn per step.
#include "vision/arcs/edge_chains.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace freshframe::vision {
namespace {

enum class Direction { Forward, Backward };

// The three pixels ahead, starting with the one straight ahead.
std::array<int, 3> pixels_ahead(int tangent_x, int tangent_y, int stride) {
  const int ax = std::abs(tangent_x);
  const int ay = std::abs(tangent_y);
  const int dx = tangent_x > 0 ? 1 : -1;
  const int dy = tangent_y > 0 ? stride : -stride;
  if (ax > 2 * ay) return {dx, dx + dy, dx - dy};
  if (ay > 2 * ax) return {dy, dy + dx, dy - dx};
  if (ax > ay) return {dx + dy, dx, dy};
  return {dx + dy, dy, dx};
}

// Returns true if the gradient turns by less than 45 degrees: dot > 0 and dot^2 > |a|^2 |b|^2 / 2.
bool turns_smoothly(Gradient a, Gradient b) {
  const std::int64_t dot = std::int64_t{a.x} * b.x + std::int64_t{a.y} * b.y;
  const std::int64_t aa = std::int64_t{a.x} * a.x + std::int64_t{a.y} * a.y;
  const std::int64_t bb = std::int64_t{b.x} * b.x + std::int64_t{b.y} * b.y;
  return dot > 0 && 2 * dot * dot >= aa * bb;
}

// Returns the next free edge pixel along the tangent, or -1 at the end of the chain.
int next_pixel(const GradientField& field, int pixel, Direction direction) {
  const Gradient here = field.gradient(pixel);
  const int sign = direction == Direction::Forward ? 1 : -1;
  int best = -1;
  int strongest = 0;
  const auto ahead = pixels_ahead(-here.y * sign, here.x * sign, field.stride());
  for (const int step : ahead) {
    const int next = pixel + step;
    if ((field.flags(next) & (kEdge | kLinked)) != kEdge) continue;
    const Gradient beyond = field.gradient(next);
    if (!turns_smoothly(here, beyond)) continue;
    if (beyond.magnitude() > strongest) {
      strongest = beyond.magnitude();
      best = next;
    }
    if (step == ahead[0]) break;  // the pixel straight ahead is preferred over stronger neighbours
  }
  return best;
}

}  // namespace

void EdgeChains::trace(GradientField& field) {
  points_.clear();
  chains_.clear();
  constexpr int kWord = 8;
  constexpr std::uint64_t kSeeds = 0x0101010101010101U * kSeed;
  static_assert(std::endian::native == std::endian::little, "the first pixel of a word is its lowest byte");
  for (int y = GradientField::kBorder; y < field.height() - GradientField::kBorder; ++y) {
    const std::uint8_t* row = field.flags_row(y);
    for (int x = 0; x < field.width(); x += kWord) {
      std::uint64_t word = 0;
      std::memcpy(&word, row + x, kWord);
      for (word &= kSeeds; word != 0; word &= word - 1) {
        const int column = x + std::countr_zero(word) / kWord;
        if (column >= field.width()) break;
        trace_from(field, y * field.stride() + column);
      }
    }
  }
}

void EdgeChains::trace_from(GradientField& field, int seed) {
  if ((field.flags(seed) & kLinked) != 0) return;
  field.set_flag(seed, kLinked);
  backward_.clear();
  for (int p = next_pixel(field, seed, Direction::Backward); p >= 0;
       p = next_pixel(field, p, Direction::Backward)) {
    field.set_flag(p, kLinked);
    backward_.push_back(p);
  }
  const std::size_t begin = points_.size();
  for (auto p = backward_.rbegin(); p != backward_.rend(); ++p) points_.push_back(field.locate(*p));
  points_.push_back(field.locate(seed));
  for (int p = next_pixel(field, seed, Direction::Forward); p >= 0;
       p = next_pixel(field, p, Direction::Forward)) {
    field.set_flag(p, kLinked);
    points_.push_back(field.locate(p));
  }
  if (points_.size() - begin < kMinPoints) {
    points_.resize(begin);
  } else {
    chains_.emplace_back(begin, points_.size());
  }
}

}  // namespace freshframe::vision

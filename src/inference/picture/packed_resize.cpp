// Across first, then down, and each row of the picture across only once: the order in which the sums are cut to
// whole numbers decides their last bit.
// SPDX-License-Identifier: Apache-2.0
#include "inference/picture/packed_resize.hpp"

#include <algorithm>
#include <cmath>

namespace freshframe::inference {
namespace {

constexpr float kOne = 2048;  // a weight of 1: 11 bits

struct Tap {
  int first;  // index of the sample before the place
  std::int32_t weight_first;
  std::int32_t weight_after;
};

std::int32_t weight(float share) {
  return static_cast<std::int32_t>(std::nearbyint(share * kOne));  // half to even
}

// Single precision, as OpenCV: the place of an output among the samples. May lie outside of them.
Tap tap(const ScaledAxis& axis, int output) {
  const auto at = static_cast<float>((axis.first + output + 0.5) * axis.samples_per_output - 0.5);
  const auto first = std::floor(at);
  const float share = at - first;
  return {static_cast<int>(first), weight(1 - share), weight(share)};
}

}  // namespace

void PackedResize::prepare(const ScaledAxis& across, const ScaledAxis& down) {
  constexpr int kBytes = 3;  // of a pixel
  width_ = static_cast<std::size_t>(across.outputs);
  const int width = across.samples;
  for (auto* const table : {&x_.first, &x_.after, &x_.weight_first, &x_.weight_after}) {
    table->assign(width_ + kRowSlack, 0);
  }
  for (std::size_t i = 0; i < width_; ++i) {
    const auto found = tap(across, static_cast<int>(i));
    const bool is_between = found.first >= 0 && found.first < width - 1;
    const int first = std::clamp(found.first, 0, width - 1);
    x_.first[i] = kBytes * first;
    x_.after[i] = kBytes * std::min(first + 1, width - 1);
    x_.weight_first[i] = is_between ? found.weight_first : weight(1);
    x_.weight_after[i] = is_between ? found.weight_after : 0;
  }
  y_.clear();
  for (int i = 0; i < down.outputs; ++i) {
    const auto found = tap(down, i);
    y_.push_back({.above = std::clamp(found.first, 0, down.samples - 1),
                  .below = std::clamp(found.first + 1, 0, down.samples - 1),
                  .weight_above = static_cast<std::int16_t>(found.weight_first),
                  .weight_below = static_cast<std::int16_t>(found.weight_after)});
  }
  padded_.assign(kBytes * static_cast<std::size_t>(width) + kRowSlack, 0);
  for (auto& row : scaled_) {
    for (auto& component : row) component.assign(width_ + kRowSlack, 0);
  }
  forget();
}

// The row of the picture at the result's width. Keeps `other`, which is needed beside it.
const PackedResize::Components& PackedResize::scaled_across(const Plane& plane, int row, int other) {
  const std::size_t place = kept_[0] == row || (kept_[1] != row && kept_[0] != other) ? 0 : 1;
  auto& to = scaled_[place];
  if (kept_[place] == row) return to;
  std::copy_n(plane.row(row), plane.row_bytes, padded_.begin());
  const Mix how{x_.first.data(), x_.after.data(), x_.weight_first.data(), x_.weight_after.data()};
  mix_pixels(padded_.data(), how, {to[0].data(), to[1].data(), to[2].data()}, width_);
  kept_[place] = row;
  return to;
}

RowPair PackedResize::rows(const Plane& plane, int y) {
  const auto& down = y_[static_cast<std::size_t>(y)];
  const auto& above = scaled_across(plane, down.above, down.below);
  const auto& below = scaled_across(plane, down.below, down.above);
  RowPair pair{.weight_above = down.weight_above, .weight_below = down.weight_below};
  for (std::size_t i = 0; i < above.size(); ++i) {
    pair.above[i] = above[i].data();
    pair.below[i] = below[i].data();
  }
  return pair;
}

}  // namespace freshframe::inference

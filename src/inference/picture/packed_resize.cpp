// Scales horizontally first, then vertically, and each source row horizontally only once: the order in which
// sums are rounded to integers decides their last bit.
// SPDX-License-Identifier: Apache-2.0
#include "inference/picture/packed_resize.hpp"

#include <algorithm>
#include <cmath>

#include "inference/picture/weighted_sums.hpp"

namespace freshframe::inference {

// In double precision and rounded as in Pillow, because the last bit of a weight can change a level.
AntialiasedPlane::Taps AntialiasedPlane::taps(const ScaledAxis& axis, std::size_t multiple_of) {
  constexpr double kOne = 1 << kWeightBits;
  constexpr double kHalf = 0.5;
  const double support = std::max(axis.samples_per_output, 1.0);  // half the base of the triangle filter
  const double per_sample = 1 / support;
  Taps result;
  result.most = 2 * static_cast<std::size_t>(std::ceil(support)) + 1;
  result.most += (multiple_of - result.most % multiple_of) % multiple_of;
  const auto outputs = static_cast<std::size_t>(axis.outputs);
  result.weights.assign(outputs * result.most, 0);
  std::vector<double> exact(result.most);
  for (std::size_t i = 0; i < outputs; ++i) {
    const double centre = (axis.first + static_cast<double>(i) + 0.5) * axis.samples_per_output;
    const int begin = std::clamp(static_cast<int>(std::floor(centre - support + kHalf)), 0, axis.samples - 1);
    const int end =
        std::clamp(static_cast<int>(std::floor(centre + support + kHalf)), begin + 1, axis.samples);
    const auto count = static_cast<std::size_t>(end - begin);
    double sum = 0;
    for (std::size_t k = 0; k < count; ++k) {
      const double distance = std::abs((static_cast<double>(k) + begin - centre + 0.5) * per_sample);
      exact[k] = std::max(0.0, 1 - distance);
      sum += exact[k];
    }
    for (std::size_t k = 0; k < count; ++k) {
      result.weights[i * result.most + k] =
          static_cast<std::int32_t>(std::floor(kHalf + exact[k] / sum * kOne));
    }
    result.first.push_back(begin);
    result.count.push_back(static_cast<std::int32_t>(count));
  }
  return result;
}

void AntialiasedPlane::prepare_across(const ScaledAxis& axis) {
  const auto found = taps(axis, taps_at_once(components_));
  outputs_ = static_cast<std::size_t>(axis.outputs);
  stride_ = outputs_ + kSumSlack;
  taps_ = found.most;
  first_.assign(stride_, 0);
  weights_.assign(stride_ * taps_, 0);
  for (std::size_t i = 0; i < outputs_; ++i) {
    first_[i] = found.first[i] * static_cast<std::int32_t>(components_);
    for (std::size_t k = 0; k < taps_; ++k) weights_[k * stride_ + i] = found.weights[i * taps_ + k];
  }
  padded_.assign((static_cast<std::size_t>(axis.samples) + taps_) * components_ + kSumSlack, 0);
}

void AntialiasedPlane::prepare(std::size_t components, const ScaledAxis& across, const ScaledAxis& down) {
  components_ = components;
  prepare_across(across);
  down_ = taps(down, 1);
  first_row_ = down_.first.front();
  rows_ = down_.first.back() + down_.count.back() - first_row_;
  scaled_.assign(components_ * static_cast<std::size_t>(rows_) * stride_, 0);
}

void AntialiasedPlane::read(const Plane& plane) {
  const AlongRow how{first_.data(), weights_.data(), stride_, taps_};
  const std::size_t component_bytes = static_cast<std::size_t>(rows_) * stride_;
  for (int y = 0; y < rows_; ++y) {
    std::copy_n(plane.row(first_row_ + y), plane.row_bytes, padded_.begin());
    std::uint8_t* const to = scaled_.data() + static_cast<std::size_t>(y) * stride_;
    std::array<std::uint8_t*, 3> rows{};
    for (std::size_t i = 0; i < components_; ++i) rows[i] = to + i * component_bytes;
    sum_along(padded_.data(), components_, how, rows, outputs_);
  }
}

void AntialiasedPlane::row(std::size_t component, int y, float* out) const {
  const auto at = static_cast<std::size_t>(y);
  const auto row =
      component * static_cast<std::size_t>(rows_) + static_cast<std::size_t>(down_.first[at] - first_row_);
  const OverRows how{down_.weights.data() + at * down_.most, static_cast<std::size_t>(down_.count[at]),
                     stride_};
  sum_over(scaled_.data() + row * stride_, how, out, outputs_);
}

namespace {

constexpr float kOne = 2048;  // fixed point: 11 bits

struct Tap {
  int first;  // index of the sample before the position
  std::int32_t weight_first;
  std::int32_t weight_after;
};

std::int32_t weight(float share) {
  return static_cast<std::int32_t>(std::nearbyint(share * kOne));  // half to even
}

// Returns the position of an output among the samples, in single precision as in OpenCV. It may lie outside
// of them.
Tap tap(const ScaledAxis& axis, int output) {
  const auto at = static_cast<float>((axis.first + output + 0.5) * axis.samples_per_output - 0.5);
  const auto first = std::floor(at);
  const float share = at - first;
  return {static_cast<int>(first), weight(1 - share), weight(share)};
}

}  // namespace

void PackedResize::prepare(const ScaledAxis& across, const ScaledAxis& down) {
  constexpr int kBytes = 3;  // bytes per pixel
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

// Returns the source row, scaled horizontally. Does not evict row `other`, which the caller also needs.
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

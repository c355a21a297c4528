// The tables of the filter, and the order of its two steps.
// SPDX-License-Identifier: Apache-2.0
#include "inference/picture/antialiased_plane.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "inference/picture/weighted_sums.hpp"

namespace freshframe::inference {

// In double precision, and with the roundings of Pillow: a weight's last bit decides a level.
AntialiasedPlane::Taps AntialiasedPlane::taps(const ScaledAxis& axis, std::size_t multiple_of) {
  constexpr double kOne = 1 << kWeightBits;
  constexpr double kHalf = 0.5;
  const double support = std::max(axis.samples_per_output, 1.0);  // half of the triangle's base
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

}  // namespace freshframe::inference

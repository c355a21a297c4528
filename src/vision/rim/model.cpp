// Evaluates the network, whose weights were written by tools/circles/train.py of commit 606c0673.
// SPDX-License-Identifier: Apache-2.0
#include "vision/rim/model.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace freshframe::vision {

namespace {

#include "vision/rim/model.inc"

// Weighted sums of the inputs, then ReLU.
template <std::size_t kInputs, std::size_t kOutputs>
std::array<float, kOutputs> rectified_layer(const std::array<float, kInputs>& inputs,
                                            const float (&weights)[kInputs][kOutputs],
                                            const float (&biases)[kOutputs]) {
  std::array<float, kOutputs> sums;
  std::copy_n(biases, kOutputs, sums.begin());
  for (std::size_t i = 0; i < kInputs; ++i) {
    for (std::size_t unit = 0; unit < kOutputs; ++unit) sums[unit] += weights[i][unit] * inputs[i];
  }
  for (float& sum : sums) sum = std::max(0.0F, sum);
  return sums;
}

}  // namespace

bool may_be_circle(const Features& features) noexcept {
  float sum = kGlanceBias;
  for (std::size_t i = 0; i < std::size_t{kEdgeFeatures}; ++i) sum += kGlanceWeights[i] * features[i];
  return sum > 0;
}

float circle_probability(const Features& features) noexcept {
  const auto first = rectified_layer(features, kWeights, kBiases);
  const auto second = rectified_layer(first, kSecondWeights, kSecondBiases);
  float logit = kOutputBias;
  for (std::size_t unit = 0; unit < second.size(); ++unit) logit += kOutputs[unit] * second[unit];
  return 1 / (1 + std::exp(-logit));
}

}  // namespace freshframe::vision

// Evaluates the network whose weights tools/circles/train.py writes.
// SPDX-License-Identifier: Apache-2.0
#include "vision/circle_model.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace freshframe::vision {
namespace {

#include "vision/circle_model.inc"

}  // namespace

float circle_probability(const Features& features) noexcept {
  std::array<float, kUnits> sums;
  std::copy_n(kBiases, kUnits, sums.begin());
  for (std::size_t i = 0; i < features.size(); ++i) {
    for (std::size_t unit = 0; unit < kUnits; ++unit) sums[unit] += kWeights[i][unit] * features[i];
  }
  float logit = kOutputBias;
  for (std::size_t unit = 0; unit < kUnits; ++unit) logit += kOutputs[unit] * std::max(0.0F, sums[unit]);
  return 1 / (1 + std::exp(-logit));
}

}  // namespace freshframe::vision

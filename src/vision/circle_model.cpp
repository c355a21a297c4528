// Evaluates the network whose weights tools/circles/train.py writes.
// SPDX-License-Identifier: Apache-2.0
#include "vision/circle_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace freshframe::vision {
namespace {

struct HiddenUnit {
  float weights[kFeatures];
  float bias;
  float output;  // weight of this unit in the sum
};

#include "vision/circle_model.inc"

}  // namespace

float circle_probability(const Features& features) noexcept {
  float logit = kOutputBias;
  for (const HiddenUnit& unit : kHidden) {
    float sum = unit.bias;
    for (std::size_t i = 0; i < features.size(); ++i) sum += unit.weights[i] * features[i];
    logit += unit.output * std::max(0.0F, sum);
  }
  return 1 / (1 + std::exp(-logit));
}

}  // namespace freshframe::vision

// Area of the lens that two discs share.
// SPDX-License-Identifier: Apache-2.0
#include "vision/search/overlap.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace freshframe::vision {

float overlap(const Circle& a, const Circle& b) noexcept {
  constexpr float kPi = std::numbers::pi_v<float>;
  const float dx = a.x - b.x;
  const float dy = a.y - b.y;
  const float d2 = dx * dx + dy * dy;
  const float reach = a.r + b.r;
  if (d2 >= reach * reach) return 0;
  const float aa = a.r * a.r;
  const float bb = b.r * b.r;
  const float d = std::sqrt(d2);
  if (d <= std::abs(a.r - b.r)) return std::min(aa, bb) / std::max(aa, bb);
  const float cos_a = std::clamp((d2 + aa - bb) / (2 * d * a.r), -1.0F, 1.0F);
  const float cos_b = std::clamp((d2 + bb - aa) / (2 * d * b.r), -1.0F, 1.0F);
  const float kite = (reach - d) * (d + a.r - b.r) * (d - a.r + b.r) * (d + reach);
  const float lens = aa * std::acos(cos_a) + bb * std::acos(cos_b) - std::sqrt(std::max(0.0F, kite)) / 2;
  return lens / (kPi * (aa + bb) - lens);
}

}  // namespace freshframe::vision

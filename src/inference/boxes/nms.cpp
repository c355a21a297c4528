// Greedy suppression.
// SPDX-License-Identifier: Apache-2.0
#include "inference/boxes/nms.hpp"

#include <algorithm>

namespace freshframe::inference {
namespace {

float area(const Detection& box) {
  return (box.x2 - box.x1) * (box.y2 - box.y1);
}

bool cover_each_other(const Detection& a, const Detection& b, float iou) {
  const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const float height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return false;
  const float both = width * height;
  return both > iou * (area(a) + area(b) - both);
}

}  // namespace

void keep_surest(std::vector<Candidate>& boxes, std::size_t most) {
  std::ranges::stable_sort(boxes, std::ranges::greater(), &Candidate::confidence);
  if (boxes.size() > most) boxes.resize(most);
}

std::vector<Candidate> suppress(std::vector<Candidate> boxes, float iou) {
  keep_surest(boxes, kMostCandidates);
  std::vector<Candidate> kept;
  for (const auto& box : boxes) {
    const bool is_covered = std::ranges::any_of(kept, [&](const Candidate& surer) {
      return surer.class_id == box.class_id && cover_each_other(surer, box, iou);
    });
    if (is_covered) continue;
    kept.push_back(box);
    if (kept.size() == kMostBoxes) break;
  }
  return kept;
}

}  // namespace freshframe::inference

// Non-maximum suppression. Upright boxes are compared by area, oriented boxes as normal distributions.
// SPDX-License-Identifier: Apache-2.0
#include "inference/boxes/suppression.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

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

// An oriented box as a normal distribution.
struct Gauss {
  double x = 0;
  double y = 0;
  // Covariance matrix.
  double xx = 0;
  double yy = 0;
  double xy = 0;
  int class_id = 0;
};

Gauss make_gauss(const Candidate& box) {
  // a uniform distribution over a side of length s has the variance s * s / 12
  constexpr double kUniform = 12;
  const double width = double{box.x2} - box.x1;
  const double height = double{box.y2} - box.y1;
  const double along = width * width / kUniform;
  const double across = height * height / kUniform;
  const double cos = std::cos(double{box.angle});
  const double sin = std::sin(double{box.angle});
  return {.x = (double{box.x1} + box.x2) / 2,
          .y = (double{box.y1} + box.y2) / 2,
          .xx = along * cos * cos + across * sin * sin,
          .yy = along * sin * sin + across * cos * cos,
          .xy = (along - across) * cos * sin,
          .class_id = box.class_id};
}

double prob_iou(const Gauss& a, const Gauss& b) {
  const double xx = a.xx + b.xx;
  const double yy = a.yy + b.yy;
  const double xy = a.xy + b.xy;
  const double both = xx * yy - xy * xy;
  const double dx = a.x - b.x;
  const double dy = a.y - b.y;
  const double places = (xx * dy * dy + yy * dx * dx - 2 * xy * dx * dy) / both / 4;
  const double own = std::sqrt((a.xx * a.yy - a.xy * a.xy) * (b.xx * b.yy - b.xy * b.xy));
  const double forms = std::log(both / (4 * own)) / 2;
  const double distance = std::sqrt(std::max(0.0, 1 - std::exp(-std::max(0.0, places + forms))));
  return 1 - distance;
}

}  // namespace

void keep_surest(std::vector<Candidate>& boxes, std::size_t most) {
  std::ranges::stable_sort(boxes, std::ranges::greater(), &Candidate::confidence);
  if (boxes.size() > most) boxes.resize(most);
}

std::vector<Candidate> suppress(std::vector<Candidate> boxes, float iou, bool agnostic) {
  keep_surest(boxes, kMostCandidates);
  std::vector<Candidate> kept;
  for (const auto& box : boxes) {
    const bool is_covered = std::ranges::any_of(kept, [&](const Candidate& surer) {
      return (agnostic || surer.class_id == box.class_id) && cover_each_other(surer, box, iou);
    });
    if (is_covered) continue;
    kept.push_back(box);
    if (kept.size() == kMostBoxes) break;
  }
  return kept;
}

std::vector<Candidate> suppress_turned(std::vector<Candidate> boxes, float iou, bool agnostic) {
  keep_surest(boxes, kMostCandidates);
  std::vector<Gauss> surer;
  std::vector<Candidate> kept;
  for (const auto& box : boxes) {
    const auto gauss = make_gauss(box);
    const bool is_covered = std::ranges::any_of(surer, [&](const Gauss& other) {
      return (agnostic || other.class_id == gauss.class_id) && prob_iou(other, gauss) > iou;
    });
    surer.push_back(gauss);
    if (is_covered) continue;
    kept.push_back(box);
    if (kept.size() == kMostBoxes) break;
  }
  return kept;
}

std::array<Point, 4> compute_corners(const Candidate& box) {
  const float x = (box.x1 + box.x2) / 2;
  const float y = (box.y1 + box.y2) / 2;
  const float cos = std::cos(box.angle) / 2;
  const float sin = std::sin(box.angle) / 2;
  const Point along{(box.x2 - box.x1) * cos, (box.x2 - box.x1) * sin};
  const Point across{-(box.y2 - box.y1) * sin, (box.y2 - box.y1) * cos};
  return {{{x + along.x + across.x, y + along.y + across.y},
           {x + along.x - across.x, y + along.y - across.y},
           {x - along.x - across.x, y - along.y - across.y},
           {x - along.x + across.x, y - along.y + across.y}}};
}

}  // namespace freshframe::inference

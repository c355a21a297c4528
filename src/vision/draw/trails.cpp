// Limits trails by time and number of points, and to ids that are still visible.
// SPDX-License-Identifier: Apache-2.0
#include "vision/draw/trails.hpp"

#include "freshframe/forks.hpp"

#include <cmath>

namespace freshframe::vision {
namespace {

struct NoTrail {
  Trail trail;
};

const Trail& no_trail() {
  return forks::ProcessWide<NoTrail>::get().trail;
}

}  // namespace

Trails::Source* Trails::at(int source, double pts) {
  if (!std::isfinite(pts)) return nullptr;
  Source& own = sources_[source];
  if (pts < own.pts) own.trails.clear();
  own.pts = pts;
  return &own;
}

void Trails::resize(int source, PictureSize size) {
  Source& own = sources_[source];
  if (own.size != size) own.trails.clear();
  own.size = size;
}

void Trails::add(const Circles& circles, int source, double pts) {
  Source* const own = at(source, pts);
  if (own == nullptr) return;
  for (std::size_t i = 0; i < circles.circles.size(); ++i) {
    const Circle& circle = circles.circles[i];
    if (std::isfinite(circle.x) && std::isfinite(circle.y)) {
      own->trails[circles.ids[i]].push_back({pts, circle.x, circle.y});
    }
  }
  shorten(*own);
}

void Trails::add(const Detections& found, int source, double pts) {
  constexpr float kCorner = 0.5F;
  Source* const own = at(source, pts);
  if (own == nullptr) return;
  for (std::size_t i = 0; i < found.boxes.size(); ++i) {
    const Detection& box = found.boxes[i];
    const float x = box.x1 + (box.x2 - box.x1) / 2 - kCorner;
    const float y = box.y1 + (box.y2 - box.y1) / 2 - kCorner;
    if (std::isfinite(x) && std::isfinite(y)) own->trails[found.ids[i]].push_back({pts, x, y});
  }
  shorten(*own);
}

void Trails::shorten(Source& own) const {
  for (auto entry = own.trails.begin(); entry != own.trails.end();) {
    Trail& trail = entry->second;
    while (!trail.empty() && (own.pts - trail.front().pts > length_ || trail.size() > kMaxPoints))
      trail.pop_front();
    entry = trail.empty() ? own.trails.erase(entry) : std::next(entry);
  }
}

const Trail& Trails::find_trail(int source, std::int64_t id) const {
  const auto own = sources_.find(source);
  if (own == sources_.end()) return no_trail();
  const auto found = own->second.trails.find(id);
  return found == own->second.trails.end() ? no_trail() : found->second;
}

}  // namespace freshframe::vision

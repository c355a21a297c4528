// Fuzzes the tracker of boxes and the counters below it: any times and any boxes, also such as no detector makes.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "fuzz_input.hpp"

namespace {

using namespace freshframe;
using fuzz::Input;
using fuzz::require;

constexpr int kMostPictures = 64;
constexpr int kMostBoxes = 40;

/// A box as a detector makes it, or of any bits.
Detection box_of(Input& input, bool any) {
  Detection box;
  box.class_id = any ? input.any<int>() : input.byte() % 3;
  if (any) {
    for (float* number : {&box.x1, &box.y1, &box.x2, &box.y2, &box.confidence}) *number = input.any<float>();
    return box;
  }
  box.x1 = static_cast<float>(input.below(5120)) / 4;
  box.y1 = static_cast<float>(input.below(2880)) / 4;
  box.x2 = box.x1 + static_cast<float>(input.byte());  // some have no size
  box.y2 = box.y1 + static_cast<float>(input.byte());
  box.confidence = static_cast<float>(input.byte()) / 255;
  return box;
}

double step_of(Input& input, bool any) {
  return any ? input.any<double>() : (input.byte() - 8) * (1 / 60.0);  // some steps go back
}

/// Ids ascend, no box has two, what is reported is a box, and all numbers are some.
void check(const TrackedBoxes& tracked, const std::vector<Detection>& found) {
  require(tracked.rows.size() == tracked.ids.size() && tracked.tracks.size() == tracked.ids.size());
  std::set<std::int64_t> rows;
  std::int64_t before = 0;
  for (std::size_t i = 0; i < tracked.ids.size(); ++i) {
    require(tracked.ids[i] > before);
    before = tracked.ids[i];
    const auto row = tracked.rows[i];
    require(row >= 0 && row < static_cast<std::int64_t>(found.size()) && rows.insert(row).second);
    const Detection& box = found[static_cast<std::size_t>(row)];
    require(std::isfinite(box.x1) && std::isfinite(box.y2) && box.x2 >= box.x1 && box.y2 >= box.y1);
    const TrackInfo& track = tracked.tracks[i];
    require(std::isfinite(track.velocity_x) && std::isfinite(track.velocity_y));
    require(track.track_age >= 0 && std::isfinite(track.track_confidence));
  }
}

/// Counts never go back.
void count(LineCounter& line, ZoneCounter& zone, Detections tracks, const std::vector<std::int64_t>& rows,
           double pts) {
  std::vector<Detection> boxes;
  for (const auto row : rows) boxes.push_back(tracks.boxes[static_cast<std::size_t>(row)]);
  tracks.boxes = std::move(boxes);
  const LineCounts crossed = line.update(tracks, pts);
  const ZoneCounts inside = zone.update(tracks, pts).zones.at(0).second;
  require(crossed.forward >= 0 && crossed.backward >= 0 && crossed.crossings.size() <= rows.size());
  require(inside.entered >= 0 && inside.left >= 0);
  for (const auto& crossing : crossed.crossings) {
    require(std::isfinite(crossing.point.x) && std::isfinite(crossing.point.y) &&
            std::isfinite(crossing.pts));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const bool any = input.byte() % 4 == 3;
  BoxTrackerOptions options;
  options.max_gap = 0.01 + input.byte() / 64.0;
  options.min_confidence = static_cast<float>(input.byte()) / 255;
  options.min_iou = static_cast<float>(input.byte()) / 255;
  BoxAssociator tracker(options);
  LineCounter line({.start = {100, 300}, .end = {900, 350}});
  ZoneCounter zone({{"a", {.corners = {{200, 100}, {900, 50}, {800, 600}, {500, 200}}}}});
  double pts = 0;
  for (int n = 0; n < kMostPictures && !input.empty(); ++n) {
    pts += step_of(input, any);
    std::vector<Detection> found(static_cast<std::size_t>(input.below(kMostBoxes)));
    for (Detection& box : found) box = box_of(input, any);
    try {
      const TrackedBoxes tracked = tracker.update(pts, found);
      check(tracked, found);
      count(line, zone, {.boxes = found, .ids = tracked.ids, .tracked = true}, tracked.rows, pts);
    } catch (const Error&) {  // a refusal
    }
  }
  return 0;
}

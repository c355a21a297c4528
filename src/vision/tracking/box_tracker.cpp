// The node that tracks boxes, and on a calibrated ground also measures their places and speeds in metres.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/data_column.hpp"
#include "freshframe/ground.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "vision/frame_sizes.hpp"
#include "vision/ground/foot_motion.hpp"
#include "vision/tracking/box_motion.hpp"
#include "vision/tracking/track_ids.hpp"

namespace freshframe {

namespace {

using vision::Foot;
using vision::FootMotion;

constexpr double kLeastFootNoise = 2;      // minimum standard deviation of a measured lower edge, in pixels
constexpr double kFootNoiseOfSize = 0.01;  // fraction of the box's size (side of a square of the same area)
constexpr double kEdgesOfMiddle = 1.4;     // the mean of two edges is this much more accurate than one edge
constexpr float kAtEdge = 1;               // in pixels; a box this close to the image border is cut off

/// Returns nullopt if the image border cuts off the lower end or a side of the box.
std::optional<Foot> find_foot(const Detection& box, const PictureSize& size) {
  if (size.height > 0 && box.y2 >= static_cast<float>(size.height) - kAtEdge) return std::nullopt;
  const bool beside = size.width > 0 && box.x2 >= static_cast<float>(size.width) - kAtEdge;
  if (beside || (size.width > 0 && box.x1 <= kAtEdge)) return std::nullopt;
  const double width = double{box.x2} - box.x1;
  const double height = double{box.y2} - box.y1;
  const double noise = std::max(kLeastFootNoise, kFootNoiseOfSize * std::sqrt(std::max(0.0, width * height)));
  return Foot{.u = (double{box.x1} + box.x2) / 2,
              .v = box.y2,
              .sigma_u = noise / kEdgesOfMiddle,
              .sigma_v = noise,
              .height = height};
}

/// The motion on the ground of all tracks of one source.
class Feet {
 public:
  /// Adds the ground columns.
  void take(const BoxTrackerOptions& options, double time, const PictureSize& size, Detections& found) {
    const Ground& ground = *options.ground;
    if (time < now_) motions_.clear();
    now_ = time;
    std::erase_if(motions_, [&](const auto& each) {
      // its track has ended too
      return time - each.second.seen > vision::BoxTracks::kBlindGaps * options.max_gap;
    });
    std::vector<float> place;
    std::vector<float> velocity;
    std::vector<float> speed;
    std::vector<float> error;
    for (std::size_t i = 0; i < found.boxes.size(); ++i) {
      auto& [motion, seen] = motions_[found.ids[i]];
      seen = time;
      if (const auto foot = find_foot(found.boxes[i], size)) motion.see(ground, time, *foot);
      const auto now = motion.at(ground, time);
      for (const double each : {now.place.x, now.place.y}) place.push_back(static_cast<float>(each));
      for (const double each : {now.velocity_x, now.velocity_y}) velocity.push_back(static_cast<float>(each));
      speed.push_back(static_cast<float>(now.speed));
      error.push_back(static_cast<float>(now.speed_error));
    }
    put(found, {"place", std::move(place), {2}});
    put(found, {"ground_velocity", std::move(velocity), {2}});
    put(found, {"speed", std::move(speed), {}});
    put(found, {"speed_error", std::move(error), {}});
  }

 private:
  struct Known {
    FootMotion motion;
    double seen = 0;
  };

  static void put(Detections& found, DataColumn column) {
    std::erase_if(found.data, [&](const DataColumn& each) { return each.name == column.name; });
    found.data.push_back(std::move(column));
  }

  double now_ = 0;
  std::map<std::int64_t, Known> motions_;
};

}  // namespace

struct BoxTracker::Impl {
  struct OfSource {
    BoxAssociator tracks;
    Feet feet;
  };

  BoxTrackerOptions options;
  std::map<int, OfSource> sources;
  vision::TrackIds ids;
  vision::FrameSizes sizes;  // for the calibration points

  OfSource& get_source(int number) {
    const auto known = sources.find(number);
    if (known != sources.end()) return known->second;
    return sources.emplace(number, OfSource{BoxAssociator(options, ids.last_used()), {}}).first->second;
  }

  void check_ground(std::string_view node, PictureSize size, int source) {
    if (!options.ground) return;
    sizes.see({.node = node,
               .what = "its ground",
               .advice = "replace() it with a tracker whose Ground fits this size"},
              size, source);
  }
};

BoxTracker::BoxTracker(const BoxTrackerOptions& options) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  static_cast<void>(BoxAssociator(options));  // rejects invalid options now, not at the first sample
}
BoxTracker::~BoxTracker() = default;

void BoxTracker::source_gone(int source) {
  const auto known = impl_->sources.find(source);
  if (known == impl_->sources.end()) return;
  impl_->ids.source_gone(known->second.tracks.last_id());
  impl_->sources.erase(known);
  impl_->sizes.forget(source);
}

void BoxTracker::continue_ids(const BoxTracker& before) {
  impl_->ids.follow(before.impl_->ids);
}

Detections BoxTracker::update(const Detections& found, double pts, int source, PictureSize size) {
  auto& [tracks, feet] = impl_->get_source(source);
  auto tracked = tracks.update(pts, found.boxes);
  impl_->ids.use(tracks.last_id());
  Detections result{.boxes = {},
                    .names = found.names,
                    .ids = std::move(tracked.ids),
                    .tracks = std::move(tracked.tracks),
                    .tracked = true,
                    .further = found.further};
  for (const auto& column : found.data) result.data.push_back(column.select(tracked.rows));
  result.boxes.reserve(tracked.rows.size());
  for (auto& row : tracked.rows) {
    const auto index = static_cast<std::size_t>(row);
    result.boxes.push_back(found.boxes[index]);
    if (found.rows) row = found.rows->at(index);
  }
  result.rows = std::move(tracked.rows);
  if (impl_->options.ground) feet.take(impl_->options, pts, size, result);
  return result;
}

std::optional<Detections> BoxTracker::process(const Sample<Detections>& sample, const Context& context) {
  const auto size = vision::size_of(sample.frame);
  impl_->check_ground(context.node, size, sample.stamp.source);
  return update(sample.value, sample.stamp.pts, sample.stamp.source, size);
}

}  // namespace freshframe

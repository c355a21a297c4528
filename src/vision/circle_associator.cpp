// Gives circles identities: predict each track, pair tracks with circles by likelihood, confirm or forget.
// SPDX-License-Identifier: Apache-2.0
//
// The two rounds - sure circles first, then doubtful ones for tracks that found none - are those of Y. Zhang
// et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022. Different: time
// is real, so dropped frames need no special case, and the cost is a likelihood instead of an overlap, which
// is zero for small fast circles.
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <sstream>

#include "vision/assignment.hpp"
#include "vision/motion_filter.hpp"

namespace freshframe {
namespace {

using vision::Assignment;
using vision::MotionFilter;

constexpr double kAcceleration = 2000;  // pixels/s^2: thrown balls at 640 to 1280 columns
constexpr double kFirstSpeed = 350;     // standard deviation of a new track's unknown velocity, pixels/s
constexpr double kFirstVariance = 2;    // of a new track's position, pixels^2
// Standard deviation of a measured centre: pixels, and fraction of the radius (blur, partial occlusion).
constexpr double kCentreNoise = 0.6, kCentreNoiseOfRadius = 0.04;
// Radius: standard deviation of its measurement and of its change per second, both as fractions.
constexpr double kRadiusNoise = 0.07, kRadiusDrift = 0.3;
constexpr double kRadiusVariance = 0.5, kFirstRadiusVariance = 1;  // pixels^2, of a track's radius
constexpr double kRadiusGain = 0.5;                                // of a new measurement
// Pairs further apart cannot be the same circle: squared standard deviations, 4 and 3 sigma.
constexpr double kCentreGate = 16, kRadiusGate = 9;
// A ball that bounces or is hit goes on from where it was with another velocity. That is rarer than going
// straight on: minus twice the log of the odds. The gate is 2.5 sigma of kFirstSpeed.
constexpr double kBounceGate = 6.25;
constexpr double kBouncePenalty = 6;
constexpr double kImpossible = 1e9;

constexpr float kSureScore = 0.6F;     // a lower score continues a track but never starts one
constexpr float kCertainScore = 0.8F;  // a circle this good is confirmed at once
constexpr int kConfirmingHits = 2;     // others when seen again
// Without any picture in between, a track outlives max_gap so many times: dropped frames are no evidence.
constexpr double kBlindGaps = 2;
// Bounds the time of the pairing; with so many alive, new circles start no track until others end.
constexpr std::size_t kMaxTracks = 512;

struct Track {
  MotionFilter motion;      // at the time of the last hit
  MotionFilter prediction;  // at the time of the current picture
  MotionFilter bounced;     // the same if it has forgotten its velocity meanwhile
  double radius = 0;
  double radius_variance = 0;
  double radius_spread = 0;  // predicted variance for the current picture
  double last_seen = 0;
  int hits = 0;
  std::int64_t id = 0;  // 0 until confirmed
  bool paired = false;
};

Track born(const Circle& circle, double pts) {
  const MotionFilter motion(double{circle.x}, double{circle.y}, kFirstVariance, kFirstSpeed * kFirstSpeed);
  return {.motion = motion,
          .prediction = motion,
          .bounced = motion,
          .radius = double{circle.r},
          .radius_variance = kFirstRadiusVariance,
          .last_seen = pts};
}

void predict(Track& track, double pts) {
  const double dt = pts - track.last_seen;
  track.prediction = track.motion;
  track.prediction.predict(dt, kAcceleration);
  track.bounced = MotionFilter(track.motion.x(), track.motion.y(), kFirstVariance, kFirstSpeed * kFirstSpeed);
  track.bounced.predict(dt, kAcceleration);
  const double drift = kRadiusDrift * track.radius * dt;
  track.radius_spread = track.radius_variance + drift * drift;
  track.paired = false;
}

double centre_variance(const Track& track) {
  const double noise = kCentreNoise + kCentreNoiseOfRadius * track.radius;
  return noise * noise;
}

// How a track and a circle fit: minus twice the log likelihood up to a constant.
struct Fit {
  bool possible = false;
  bool bounced = false;
  double cost = 0;
};

Fit fit(const Track& track, const Circle& circle) {
  const double variance = centre_variance(track);
  const auto straight = track.prediction.surprise(double{circle.x}, double{circle.y}, variance);
  const auto bounced = track.bounced.surprise(double{circle.x}, double{circle.y}, variance);
  const double straight_cost = straight.distance2 < kCentreGate ? straight.cost : kImpossible;
  const double bounced_cost = bounced.distance2 < kBounceGate ? bounced.cost + kBouncePenalty : kImpossible;
  const double change = std::log(double{circle.r} / track.radius);
  const double scale = kRadiusNoise * kRadiusNoise + track.radius_spread / (track.radius * track.radius);
  const double radius = change * change / scale;
  const double centre = std::min(straight_cost, bounced_cost);
  return {centre < kImpossible && radius < kRadiusGate, bounced_cost < straight_cost, centre + radius};
}

void hit(Track& track, const Circle& circle, double pts) {
  track.motion = fit(track, circle).bounced ? track.bounced : track.prediction;
  track.motion.update(double{circle.x}, double{circle.y}, centre_variance(track));
  track.radius += kRadiusGain * (double{circle.r} - track.radius);
  track.radius_variance = kRadiusVariance;
  track.last_seen = pts;
  ++track.hits;
  track.paired = true;
}

}  // namespace

struct CircleAssociator::Impl {
  explicit Impl(const CircleTrackerOptions& o) : options(o) {
    if (o.max_gap > 0 && std::isfinite(o.max_gap)) return;
    std::ostringstream message;
    message << "max_gap must be more than 0 seconds, got " << o.max_gap;
    throw GraphError(message.str());
  }

  void start(double pts);
  void bury(double pts);
  void pair(const std::vector<Circle>& found, double pts, bool sure);
  void give_birth(const std::vector<Circle>& found, double pts);
  void confirm(const std::vector<Circle>& found);
  [[nodiscard]] Circles confirmed(const std::vector<Circle>& found);

  CircleTrackerOptions options;
  std::int64_t last_id = 0;
  double now = 0;
  std::vector<Track> tracks;
  std::vector<int> track_of;  // index of each circle's track, -1 for none
  Assignment assignment;
  std::vector<std::size_t> free_tracks;
  std::vector<std::size_t> free_circles;
  std::vector<std::size_t> order;
};

void CircleAssociator::Impl::start(double pts) {
  if (!std::isfinite(pts)) throw Error("pts must be a number of seconds, got infinity or nan");
  if (pts < now) tracks.clear();
  now = pts;
  std::erase_if(tracks,
                [&](const Track& track) { return pts - track.last_seen > kBlindGaps * options.max_gap; });
  for (Track& track : tracks) predict(track, pts);
}

// A picture that does not show a circle any more ends its track; one that never came says nothing, up to
// kBlindGaps.
void CircleAssociator::Impl::bury(double pts) {
  std::erase_if(tracks, [&](const Track& track) { return pts - track.last_seen > options.max_gap; });
}

void CircleAssociator::Impl::pair(const std::vector<Circle>& found, double pts, bool sure) {
  free_tracks.clear();
  free_circles.clear();
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    if (!tracks[i].paired) free_tracks.push_back(i);
  }
  for (std::size_t j = 0; j < found.size(); ++j) {
    if (track_of[j] < 0 && (found[j].score >= kSureScore) == sure) free_circles.push_back(j);
  }
  assignment.start(free_tracks.size(), free_circles.size());
  for (std::size_t i = 0; i < free_tracks.size(); ++i) {
    for (std::size_t j = 0; j < free_circles.size(); ++j) {
      const Fit match = fit(tracks[free_tracks[i]], found[free_circles[j]]);
      if (match.possible) assignment.allow(i, j, match.cost);
    }
  }
  const auto& circle_of = assignment.solve();
  for (std::size_t i = 0; i < free_tracks.size(); ++i) {
    if (circle_of[i] < 0) continue;
    const std::size_t j = free_circles[static_cast<std::size_t>(circle_of[i])];
    hit(tracks[free_tracks[i]], found[j], pts);
    track_of[j] = static_cast<int>(free_tracks[i]);
  }
}

void CircleAssociator::Impl::give_birth(const std::vector<Circle>& found, double pts) {
  for (std::size_t j = 0; j < found.size(); ++j) {
    if (track_of[j] >= 0 || found[j].score < kSureScore || tracks.size() == kMaxTracks) continue;
    track_of[j] = static_cast<int>(tracks.size());
    tracks.push_back(born(found[j], pts));
    tracks.back().hits = 1;
  }
}

// Ids are given at confirmation, so users see them without gaps.
void CircleAssociator::Impl::confirm(const std::vector<Circle>& found) {
  for (std::size_t j = 0; j < found.size(); ++j) {
    if (track_of[j] < 0) continue;
    Track& track = tracks[static_cast<std::size_t>(track_of[j])];
    if (track.id == 0 && (track.hits >= kConfirmingHits || found[j].score >= kCertainScore))
      track.id = ++last_id;
  }
}

Circles CircleAssociator::Impl::confirmed(const std::vector<Circle>& found) {
  const auto id_of = [&](std::size_t j) {
    return track_of[j] < 0 ? std::int64_t{0} : tracks[static_cast<std::size_t>(track_of[j])].id;
  };
  order.clear();
  for (std::size_t j = 0; j < found.size(); ++j) {
    if (id_of(j) != 0) order.push_back(j);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return id_of(a) < id_of(b); });
  Circles result{.circles = {}, .ids = {}, .tracked = true};
  result.circles.reserve(order.size());
  result.ids.reserve(order.size());
  for (const std::size_t j : order) {
    result.circles.push_back(found[j]);
    result.ids.push_back(id_of(j));
  }
  return result;
}

CircleAssociator::CircleAssociator(const CircleTrackerOptions& options)
    : impl_(std::make_unique<Impl>(options)) {}
CircleAssociator::CircleAssociator(CircleAssociator&&) noexcept = default;
CircleAssociator& CircleAssociator::operator=(CircleAssociator&&) noexcept = default;
CircleAssociator::~CircleAssociator() = default;

Circles CircleAssociator::update(double pts, const std::vector<Circle>& found) {
  Impl& self = *impl_;
  self.start(pts);
  self.track_of.assign(found.size(), -1);
  self.pair(found, pts, true);
  self.pair(found, pts, false);
  self.give_birth(found, pts);
  self.confirm(found);
  Circles result = self.confirmed(found);
  self.bury(pts);
  return result;
}

}  // namespace freshframe

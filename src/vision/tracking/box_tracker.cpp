// The nodes that give boxes identities, and that tell where they are between the pictures that a detector has seen.
// SPDX-License-Identifier: Apache-2.0
//
// Overlap is no test where the predicted place is uncertain: a small box that moves by its own width does not
// overlap at all. So both boxes are first enlarged by that uncertainty, as F. Yang et al. do by a fixed
// factor ("Hard to Track Objects with Irregular Motions and Similar Appearances? Make It Easier by Buffering
// the Matching Space", WACV 2023).
#include "freshframe/data_column.hpp"
#include "freshframe/error.hpp"
#include "freshframe/ground.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "vision/ground/foot_motion.hpp"
#include "vision/tracking/place_motion.hpp"
#include "vision/tracking/track_set.hpp"

namespace freshframe::vision {

/// The motion of boxes, and the match of a box with a track: the model behind BoxAssociator.
struct BoxMotion {
  using Item = Detection;

  struct State {
    PlaceMotion place;
    double width = 0;
    double height = 0;
    double age = 0;  // seconds since the last hit
    int class_id = 0;
  };

  double least_overlap = 0.3;
  float least_confidence = 0.1F;

  [[nodiscard]] static State start(const Detection& box);
  static void predict(State& state, double dt);
  [[nodiscard]] Fit fit(const State& state, const Detection& box) const;
  static void hit(State& state, const Detection& box);
  /// Returns false for boxes of a lower score, with inverted edges, and with numbers that are not finite or
  /// out of bounds.
  [[nodiscard]] bool counts(const Detection& box) const;
  [[nodiscard]] static double place(const Detection& box);
  [[nodiscard]] static std::pair<double, double> reach(const State& state);
};

using BoxTracks = TrackSet<BoxMotion>;

namespace {

// Near objects look large and move fast: pixels/s^2 and pixels/s, and so many sizes (side of a square of the
// same area) per s^2 and per s.
constexpr double kAcceleration = 1000, kAccelerationOfSize = 6;
constexpr double kFirstSpeed = 150, kFirstSpeedOfSize = 2;
// Standard deviation of a measured centre: pixels, and fraction of the size.
constexpr double kNoise = 1, kNoiseOfSize = 0.05;
// Width and height: standard deviation of the measurement and of the change per second, both as fractions.
constexpr double kSizeNoise = 0.15, kSizeDrift = 1;
// Standard deviation of a measured edge, pixels. It is most of the noise of a narrow box, which belongs to
// something far away.
constexpr double kEdgeNoise = 2;
constexpr double kSizeGate = 9;         // squared standard deviations
constexpr double kSizeGain = 0.4;       // of a new measurement
constexpr double kGrowth = 2;           // standard deviations by which boxes are enlarged before the overlap
constexpr double kMinSideOfBox = 1e-3;  // pixels

double size_of(const BoxMotion::State& state) {
  return std::sqrt(state.width * state.height);
}

PlaceRules rules_of(double size) {
  return {.acceleration = kAcceleration + kAccelerationOfSize * size,
          .first_speed = kFirstSpeed + kFirstSpeedOfSize * size,
          .first_place = kNoise + kNoiseOfSize * size};
}

double variance_of(const BoxMotion::State& state) {
  const double noise = kNoise + kNoiseOfSize * size_of(state);
  return noise * noise;
}

struct Sides {
  double x = 0;  // centre
  double y = 0;
  double width = 0;
  double height = 0;
};

Sides sides_of(const Detection& box) {
  return {(double{box.x1} + double{box.x2}) / 2, (double{box.y1} + double{box.y2}) / 2,
          std::max(kMinSideOfBox, double{box.x2} - double{box.x1}),
          std::max(kMinSideOfBox, double{box.y2} - double{box.y1})};
}

// The change of a side in squared standard deviations, `age` seconds after its last measurement. The two
// edges of the shorter side bound the relative noise of both measurements.
double side_cost(double expected, double measured, double age) {
  const double drift = kSizeDrift * age;
  const double edge = kEdgeNoise / std::min(expected, measured);
  const double change = std::log(measured / expected);
  return change * change / (kSizeNoise * kSizeNoise + drift * drift + 2 * edge * edge);
}

// Intersection over union of two boxes enlarged by a margin.
double overlap(const Sides& a, const Sides& b, double margin) {
  const auto shared = [&](double from, double side, double other, double other_side) {
    return std::max(0.0, std::min(from + side / 2, other + other_side / 2) -
                             std::max(from - side / 2, other - other_side / 2) + 2 * margin);
  };
  const double both = shared(a.x, a.width, b.x, b.width) * shared(a.y, a.height, b.y, b.height);
  const auto area = [&](const Sides& s) { return (s.width + 2 * margin) * (s.height + 2 * margin); };
  return both / (area(a) + area(b) - both);
}

}  // namespace

BoxMotion::State BoxMotion::start(const Detection& box) {
  const Sides sides = sides_of(box);
  const double size = std::sqrt(sides.width * sides.height);
  return {.place = PlaceMotion(sides.x, sides.y, rules_of(size)),
          .width = sides.width,
          .height = sides.height,
          .class_id = box.class_id};
}

void BoxMotion::predict(State& state, double dt) {
  state.place.predict(dt, rules_of(size_of(state)));
  state.age = dt;
}

Fit BoxMotion::fit(const State& state, const Detection& box) const {
  if (box.class_id != state.class_id) return {};
  const Sides sides = sides_of(box);
  const auto place = state.place.match(sides.x, sides.y, variance_of(state));
  if (!place.possible) return {};
  const double size =
      side_cost(state.width, sides.width, state.age) + side_cost(state.height, sides.height, state.age);
  if (!(size < kSizeGate)) return {};
  const auto& expected = state.place.prediction();
  const double margin = kGrowth * expected.spread(0);
  if (overlap({expected.x(), expected.y(), state.width, state.height}, sides, margin) < least_overlap)
    return {};
  return {true, place.cost + size};
}

void BoxMotion::hit(State& state, const Detection& box) {
  const Sides sides = sides_of(box);
  state.place.hit(sides.x, sides.y, variance_of(state));
  state.width += kSizeGain * (sides.width - state.width);
  state.height += kSizeGain * (sides.height - state.height);
}

bool BoxMotion::counts(const Detection& box) const {
  // NaN fails every comparison.
  const auto near = [](float coordinate) { return std::abs(coordinate) <= PlaceMotion::kFarthest; };
  return box.confidence >= least_confidence && std::isfinite(box.confidence) && near(box.x1) &&
         near(box.y1) && near(box.x2) && near(box.y2) && box.x2 >= box.x1 && box.y2 >= box.y1;
}

double BoxMotion::place(const Detection& box) {
  return sides_of(box).x;
}

std::pair<double, double> BoxMotion::reach(const State& state) {
  return state.place.reach(variance_of(state));
}

}  // namespace freshframe::vision

namespace freshframe {

// The tracker of boxes in the public C++ interface.

namespace {

// As in ByteTrack: boxes are confident from 0.5 on.
constexpr float kSureScore = 0.5F;
constexpr float kCertainScore = 0.8F;

void check_fraction(const char* name, float value) {
  if (value >= 0 && value <= 1) return;
  std::ostringstream message;
  message << name << " must be from 0 to 1, got " << value;
  throw OptionError(message.str());
}

vision::TrackRules rules_of(const BoxTrackerOptions& options) {
  return {.max_gap = options.max_gap,
          .sure_confidence = std::max(kSureScore, options.min_confidence),
          .certain_confidence = kCertainScore};
}

}  // namespace

struct BoxAssociator::Impl {
  explicit Impl(const BoxTrackerOptions& o)
      : tracks({.least_overlap = double{o.iou}, .least_confidence = o.min_confidence}, rules_of(o)) {
    check_fraction("min_confidence", o.min_confidence);
    check_fraction("iou", o.iou);
  }

  vision::BoxTracks tracks;
};

BoxAssociator::BoxAssociator(const BoxTrackerOptions& options) : impl_(std::make_unique<Impl>(options)) {}
BoxAssociator::BoxAssociator(BoxAssociator&&) noexcept = default;
BoxAssociator& BoxAssociator::operator=(BoxAssociator&&) noexcept = default;
BoxAssociator::~BoxAssociator() = default;

TrackedBoxes BoxAssociator::update(double pts, std::span<const Detection> found) {
  auto& tracks = impl_->tracks;
  tracks.advance(pts);
  tracks.take(found);
  TrackedBoxes result;
  for (const std::size_t row : tracks.confirmed_finds()) {
    const auto& track = *tracks.confirmed(row);
    result.rows.push_back(static_cast<std::int64_t>(row));
    result.ids.push_back(track.id);
    result.tracks.push_back(tracks.info(track));
  }
  return result;
}

namespace {

using vision::Foot;
using vision::FootMotion;

constexpr double kLeastNoise = 2;       // pixels: standard deviation of a measured lower edge, at least
constexpr double kNoiseOfSize = 0.01;   // and of the box's size (side of a square of the same area)
constexpr double kEdgesOfMiddle = 1.4;  // the middle of two edges is so much more exact than one
constexpr float kAtEdge = 1;            // pixels from the picture's edge within which a box is cut off

/// Returns nullopt where the picture's edge cuts off the box's lower end, or one of its sides.
std::optional<Foot> foot_of(const Detection& box, const PictureSize& size) {
  if (size.height > 0 && box.y2 >= static_cast<float>(size.height) - kAtEdge) return std::nullopt;
  const bool beside = size.width > 0 && box.x2 >= static_cast<float>(size.width) - kAtEdge;
  if (beside || (size.width > 0 && box.x1 <= kAtEdge)) return std::nullopt;
  const double width = double{box.x2} - box.x1;
  const double height = double{box.y2} - box.y1;
  const double noise = std::max(kLeastNoise, kNoiseOfSize * std::sqrt(std::max(0.0, width * height)));
  return Foot{.u = (double{box.x1} + box.x2) / 2,
              .v = box.y2,
              .sigma_u = noise / kEdgesOfMiddle,
              .sigma_v = noise,
              .height = height};
}

/// The motion on the ground of each track of one source.
class Feet {
 public:
  /// Adds the columns of the ground.
  void take(const BoxTrackerOptions& options, double time, const PictureSize& size, Detections& found) {
    const Ground& ground = *options.ground;
    if (time < now_) motions_.clear();
    now_ = time;
    std::erase_if(motions_, [&](const auto& each) {
      return time - each.second.seen > vision::BoxTracks::kBlindGaps * options.max_gap;  // so has the track
    });
    std::vector<float> place;
    std::vector<float> velocity;
    std::vector<float> speed;
    std::vector<float> error;
    for (std::size_t i = 0; i < found.boxes.size(); ++i) {
      auto& [motion, seen] = motions_[found.ids[i]];
      seen = time;
      if (const auto foot = foot_of(found.boxes[i], size)) motion.see(ground, time, *foot);
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

  OfSource& of_source(int number) {
    const auto known = sources.find(number);
    if (known != sources.end()) return known->second;
    return sources.emplace(number, OfSource{BoxAssociator(options), {}}).first->second;
  }
};

BoxTracker::BoxTracker(const BoxTrackerOptions& options) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  static_cast<void>(BoxAssociator(options));  // refuses bad options now, not at the first sample
}
BoxTracker::~BoxTracker() = default;

void BoxTracker::source_gone(int source) {
  impl_->sources.erase(source);
}

Detections BoxTracker::update(const Detections& found, double time, int source, PictureSize size) {
  auto& [tracks, feet] = impl_->of_source(source);
  auto tracked = tracks.update(time, found.boxes);
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
  if (impl_->options.ground) feet.take(impl_->options, time, size, result);
  return result;
}

std::optional<Detections> BoxTracker::process(const Sample<Detections>& sample, const Context& /*context*/) {
  PictureSize size;
  if (sample.frame) size = {sample.frame.width(), sample.frame.height()};
  return update(sample.value, sample.stamp.pts, sample.stamp.source, size);
}

namespace {

constexpr double kMostAge = 60;  // seconds

struct Shift {
  float x = 0;
  float y = 0;
};

// Moves the first two of each `step` numbers of a row.
void move_points(DataColumn& column, std::size_t step, const std::vector<Shift>& shifts) {
  auto* const values = std::get_if<std::vector<float>>(&column.values);
  const auto width = column.width();
  if (values == nullptr || step < 2 || values->size() != width * shifts.size()) return;
  for (std::size_t i = 0; i + step <= values->size(); i += step) {
    (*values)[i] += shifts[i / width].x;
    (*values)[i + 1] += shifts[i / width].y;
  }
}

std::vector<Shift> on_ground(const Detections& found, float seconds) {
  std::vector<Shift> shifts(found.boxes.size());
  const auto* const column = find_column(found.data, "ground_velocity");
  const auto* const values = column == nullptr ? nullptr : std::get_if<std::vector<float>>(&column->values);
  if (values == nullptr || values->size() != 2 * shifts.size()) return shifts;
  for (std::size_t i = 0; i < shifts.size(); ++i) {
    const float x = (*values)[2 * i];
    const float y = (*values)[2 * i + 1];
    if (std::isfinite(x) && std::isfinite(y)) shifts[i] = {seconds * x, seconds * y};
  }
  return shifts;
}

}  // namespace

struct BoxPredictor::Impl {
  struct Newest {
    double pts = 0;
    Detections tracks;
  };

  [[nodiscard]] Detections predicted(const Newest& newest, double pts) const {
    Detections result = newest.tracks;
    const auto seconds = static_cast<float>(pts - newest.pts);
    std::erase_if(result.data, [](const DataColumn& each) { return each.name == "mask"; });
    if (!result.rows) {  // no longer the object that a Python node gave
      result.rows.emplace(result.boxes.size());
      std::iota(result.rows->begin(), result.rows->end(), std::int64_t{0});
    }
    std::vector<Shift> shifts;
    for (std::size_t i = 0; i < result.boxes.size(); ++i) {
      auto& track = result.tracks[i];
      auto& box = result.boxes[i];
      const Shift shift{seconds * track.velocity_x, seconds * track.velocity_y};
      shifts.push_back(shift);
      box.x1 += shift.x;
      box.x2 += shift.x;
      box.y1 += shift.y;
      box.y2 += shift.y;
      track.age += seconds;
    }
    for (auto& column : result.data) {
      if (column.name == "corners") move_points(column, 2, shifts);
      if (column.name == "keypoints" && column.shape.size() == 2)
        move_points(column, column.shape[1], shifts);
      if (column.name == "place") move_points(column, 2, on_ground(newest.tracks, seconds));
    }
    return result;
  }

  // A camera's frames come before the tracks of the same frames.
  void check_camera(int source) {
    constexpr int kMost = 20;  // results
    if (framed.contains(source) || framed.empty() || ++unframed[source] < kMost) return;
    throw Error(
        "BoxPredictor has tracks of one camera and frames of another, so no frame gets a box: give it the camera that "
        "the tracker's boxes were found in");
  }

  BoxPredictorOptions options;
  std::map<int, Newest> sources;
  std::set<int> framed;         // sources of frames
  std::map<int, int> unframed;  // tracks of sources without frames
};

BoxPredictor::BoxPredictor(const BoxPredictorOptions& options) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  if (options.max_age > 0 && options.max_age <= kMostAge) return;
  std::ostringstream text;
  text << "BoxPredictor needs max_age of more than 0 and at most " << kMostAge << " seconds, got "
       << options.max_age;
  throw OptionError(text.str());
}
BoxPredictor::~BoxPredictor() = default;

void BoxPredictor::source_gone(int source) {
  impl_->sources.erase(source);
  impl_->framed.erase(source);
  impl_->unframed.erase(source);
}

std::optional<Detections> BoxPredictor::process(const Sample<Detections>& sample,
                                                const Context& /*context*/) {
  const auto& found = sample.value;
  if (!found.boxes.empty() && (found.tracks.size() != found.boxes.size() || !found.columns.velocity)) {
    throw Error(
        "BoxPredictor moves tracks, but this sample's boxes have no velocity: add a BoxTracker before it");
  }
  impl_->check_camera(sample.stamp.source);
  auto& newest = impl_->sources[sample.stamp.source];
  newest = {sample.stamp.pts, found};
  newest.tracks.tracked = true;  // also an empty result that a program made
  return std::nullopt;
}

std::optional<Detections> BoxPredictor::process(const Sample<Frame>& sample, const Context& /*context*/) {
  impl_->framed.insert(sample.stamp.source);
  const auto known = impl_->sources.find(sample.stamp.source);
  const double pts = sample.stamp.pts;
  if (known != impl_->sources.end() && std::abs(pts - known->second.pts) <= impl_->options.max_age)
    return impl_->predicted(known->second, pts);
  Detections none;
  none.tracked = true;
  if (known != impl_->sources.end()) none.names = known->second.tracks.names;
  return none;
}

}  // namespace freshframe

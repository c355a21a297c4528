// Predicts boxes for frames between detections: each box moves with the velocity of its track.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/data_column.hpp"
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>
#include <variant>
#include <vector>

#include "vision/frame_sizes.hpp"

namespace freshframe {

namespace {

constexpr double kMostAge = 60;  // seconds

struct Shift {
  float x = 0;
  float y = 0;
};

// Moves the first two of every `step` values in a row.
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
    PictureSize size;  // size of the frame in which the tracks were found; 0 if unknown
  };

  // Returns false if the frame has another size, because the tracks' coordinates would not fit.
  [[nodiscard]] static bool is_of_size(const Newest& newest, const Frame& frame) {
    return newest.size.width <= 0 || newest.size == PictureSize{frame.width(), frame.height()};
  }

  [[nodiscard]] Detections predict_boxes(const Newest& newest, double pts) const {
    Detections result = newest.tracks;
    const auto seconds = static_cast<float>(pts - newest.pts);
    std::erase_if(result.data, [](const DataColumn& each) { return each.name == "mask"; });
    if (!result.rows) {  // the object given by a Python node has changed
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
      track.track_age += seconds;
    }
    for (auto& column : result.data) {
      if (column.name == "corners") move_points(column, 2, shifts);
      if (column.name == "keypoints" && column.shape.size() == 2)
        move_points(column, column.shape[1], shifts);
      if (column.name == "place") move_points(column, 2, on_ground(newest.tracks, seconds));
    }
    return result;
  }

  // Checks that a camera's frames arrive before the tracks found in them.
  void check_camera(int source) {
    constexpr int kMost = 20;  // results
    if (framed.contains(source) || framed.empty() || ++unframed[source] < kMost) return;
    throw Error(
        "BoxPredictor has tracks of one camera and frames of another, so no frame gets a box: pass it the "
        "camera that the tracker's boxes were found in");
  }

  BoxPredictorOptions options;
  std::map<int, Newest> sources;
  std::set<int> framed;         // sources that have sent frames
  std::map<int, int> unframed;  // number of tracks from sources without frames
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
  newest = {sample.stamp.pts, found, vision::size_of(sample.frame)};
  newest.tracks.tracked = true;  // even for an empty result made by a program
  return std::nullopt;
}

std::optional<Detections> BoxPredictor::process(const Sample<Frame>& sample, const Context& /*context*/) {
  impl_->framed.insert(sample.stamp.source);
  const auto known = impl_->sources.find(sample.stamp.source);
  const double pts = sample.stamp.pts;
  if (known != impl_->sources.end() && Impl::is_of_size(known->second, sample.value) &&
      std::abs(pts - known->second.pts) <= impl_->options.max_age)
    return impl_->predict_boxes(known->second, pts);
  Detections none;
  none.tracked = true;
  if (known != impl_->sources.end()) none.names = known->second.tracks.names;
  return none;
}

}  // namespace freshframe

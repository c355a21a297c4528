// Trackers of circles and boxes, and a node that draws them. Counters are in counting.hpp.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/circle_detector.hpp"
#include "freshframe/counting.hpp"
#include "freshframe/node.hpp"
#include "freshframe/results.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace freshframe {

/// Options of CircleTracker.
struct CircleTrackerOptions {
  CircleDetectorOptions detector = {.max_circles = 16, .min_confidence = 0.3F};
  /// How long a circle keeps its id without being seen, in seconds; twice as long if no frames arrived in
  /// that time.
  double max_gap = 0.5;
  /// Seconds between searches of the whole image. In between, only the predicted positions of tracks and
  /// places that have changed are searched, at a third of the cost or less. 0: always search the whole image.
  double full_every = 1;
};

/// Tracks circles by their positions alone, without images. Time is in seconds, so dropped frames need no
/// special handling. At most 512 tracks. Considers at most 1024 circles, the most confident first; ignores
/// those that are not finite or beyond 1e7 pixels. Use from one thread at a time.
class CircleAssociator {
 public:
  explicit CircleAssociator(const CircleTrackerOptions& options = {});
  CircleAssociator(CircleAssociator&&) noexcept;
  CircleAssociator& operator=(CircleAssociator&&) noexcept;
  ~CircleAssociator();

  /// Returns the circles with a confirmed track. `pts` is in seconds and must increase; a decrease ends all
  /// tracks.
  [[nodiscard]] Circles update(double pts, const std::vector<Circle>& found);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class Ground;  // ground.hpp

/// Options of BoxTracker.
struct BoxTrackerOptions {
  double max_gap = 1;           // see CircleTrackerOptions
  float min_confidence = 0.1F;  // less confident boxes are ignored
  /// Minimum IoU between a track's predicted box and the box that continues it. If the prediction is
  /// uncertain, both boxes are first enlarged by the uncertainty.
  float min_iou = 0.3F;
  /// The ground plane. If set, results have the columns place, ground_velocity, speed and speed_error.
  std::shared_ptr<const Ground> ground = {};
};

/// The boxes of one frame that have a confirmed track, sorted by id.
struct TrackedBoxes {
  std::vector<std::int64_t> rows;  // indices into the boxes passed to update()
  std::vector<std::int64_t> ids;
  std::vector<TrackInfo> tracks;
};

/// Tracks boxes, as CircleAssociator does circles. A track keeps its class. At most 512 tracks. Considers at
/// most 1024 boxes, the most confident first; ignores those that are not finite, are beyond 1e7 pixels, or
/// have right < left or bottom < top. Use from one thread at a time.
class BoxAssociator {
 public:
  /// Ids begin after `last_id`.
  explicit BoxAssociator(const BoxTrackerOptions& options = {}, std::int64_t last_id = 0);
  BoxAssociator(BoxAssociator&&) noexcept;
  BoxAssociator& operator=(BoxAssociator&&) noexcept;
  ~BoxAssociator();

  /// `pts` is in seconds and must increase; a decrease ends all tracks.
  [[nodiscard]] TrackedBoxes update(double pts, std::span<const Detection> found);
  /// The newest id.
  [[nodiscard]] std::int64_t last_id() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Detects and tracks circles. Tracks each source of a merge separately.
class CircleTracker final : public Node<Frame, Circles> {
 public:
  explicit CircleTracker(const CircleTrackerOptions& options = {});
  ~CircleTracker() override;
  [[nodiscard]] std::string default_name() const override { return "CircleTracker"; }
  /// Returns the tracked circles of one image, without a pipeline. `pts` is in seconds and must increase; a
  /// decrease ends all tracks. Sources are tracked separately.
  [[nodiscard]] Circles update(const Frame& frame, double pts, int source = 0);
  std::optional<Circles> process(const Sample<Frame>& sample, const Context& context) override;
  void source_gone(int source) override;
  /// Continues the ids of a tracker that this one is about to replace, so that no id is used twice. Call it
  /// before replace(); the other tracker may still be running.
  void continue_ids(const CircleTracker& before);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Tracks boxes of a detector. Tracks each source separately.
class BoxTracker final : public Node<Detections, Detections> {
 public:
  explicit BoxTracker(const BoxTrackerOptions& options = {});
  ~BoxTracker() override;
  [[nodiscard]] std::string default_name() const override { return "BoxTracker"; }
  /// Returns the tracked boxes of one frame, without a pipeline. `pts` is in seconds and must increase; a
  /// decrease ends all tracks. Sources are tracked separately. `size` is the image size: a box at the image
  /// border is cut off, so with a ground plane it has no known foot point.
  [[nodiscard]] Detections update(const Detections& found, double pts, int source = 0, PictureSize size = {});
  std::optional<Detections> process(const Sample<Detections>& sample, const Context& context) override;
  void source_gone(int source) override;
  /// Continues the ids of a tracker that this one is about to replace, so that no id is used twice. Call it
  /// before replace(); the other tracker may still be running.
  void continue_ids(const BoxTracker& before);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Options of BoxPredictor.
struct BoxPredictorOptions {
  double max_age = 0.5;  // seconds for which to predict from an old track: more than 0, at most 60
};

/// Predicts every track's box for each camera frame. Connect it to the camera and to a BoxTracker, if the
/// detector is slower than the camera, so that boxes keep up with the video. A box moves with its last known
/// velocity, as do the columns `place`, `keypoints` and `corners`; `mask` is left out.
class BoxPredictor final : public EitherNode<Frame, Detections, Detections> {
 public:
  /// Throws OptionError.
  explicit BoxPredictor(const BoxPredictorOptions& options = {});
  ~BoxPredictor() override;
  [[nodiscard]] std::string default_name() const override { return "BoxPredictor"; }
  std::optional<Detections> process(const Sample<Frame>& sample, const Context& context) override;
  /// Updates the tracks; emits nothing. Throws Error if the boxes have no velocity.
  std::optional<Detections> process(const Sample<Detections>& sample, const Context& context) override;
  void source_gone(int source) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Options of Annotate.
struct AnnotateOptions {
  double trail = 1.0;  // length of the trail behind a tracked object, in seconds; 0 for none
  std::optional<float> line_width = {};  // pixels; default: depends on the image size
  bool masks = true;                     // draw the column `mask`
  bool skeletons = true;                 // draw the column `keypoints`
  /// Pairs of key points to join by a line, counted from 0. Default: those of a COCO person, if there are 17.
  std::vector<std::pair<int, int>> bones = {};
  /// Template for labels, such as "{class_name} {speed:.0f} m/s". Fields are the columns of a results file,
  /// dwell (with zones), and any column with one value per row. Default: the id and, for boxes, class name
  /// and confidence.
  std::optional<std::string> labels = {};
  /// Template for a caption in the corner, with the fields pts, utc (strftime format), seq and count.
  std::string caption = {};
  std::vector<std::string> blur = {};  // classes whose objects are blurred beyond recognition
};

/// Draws circles or boxes with labels, trails and counts into a copy of the frame, in the frame's own format
/// (gray becomes I420). A circle's colour depends on its id or, without one, on its confidence; a box's
/// colour on its class. Skips shapes that are not finite or beyond 1e6 pixels. Labels are drawn in ASCII:
/// accents are removed, and other characters appear as an empty box.
class Annotate final : public NodeBase {
 public:
  using Output = Frame;
  template <class In>
  static constexpr bool kTakes = std::is_same_v<In, Circles> || std::is_same_v<In, Detections> ||
                                 std::is_same_v<In, LineCounts> || std::is_same_v<In, Zones>;

  explicit Annotate(const AnnotateOptions& options = {});
  ~Annotate() override;
  [[nodiscard]] std::string default_name() const override { return "Annotate"; }
  [[nodiscard]] std::vector<const TypeInfo*> input_types() const override;
  [[nodiscard]] const TypeInfo* output_type() const noexcept override { return get_type<Frame>(); }
  std::optional<Emitted> process_any(const AnySample& sample, const Context& context) override;
  void source_gone(int source) override;
  /// Draws one image, without a pipeline. `value` must have one of the node's input types. `pts` in seconds
  /// is needed for trails.
  [[nodiscard]] Frame draw(const Frame& frame, const ValueRef& value, std::optional<double> pts = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe

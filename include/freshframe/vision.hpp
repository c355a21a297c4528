// Circles and boxes: found in one frame, tracked over time, drawn. The counters are in counting.hpp.
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
#include <vector>

namespace freshframe {

/// Options of CircleTracker.
struct CircleTrackerOptions {
  CircleDetectorOptions detector = {.max_circles = 16, .min_confidence = 0.3F};
  /// Seconds for which an unseen circle keeps its id; twice as long if no picture arrived meanwhile.
  double max_gap = 0.5;
  /// Seconds between searches of the whole picture. In between it searches the predicted positions of its
  /// tracks, and the places that have changed since their last search. That costs a third or less. 0: it
  /// searches the whole of every picture.
  double full_every = 1;
};

/// Gives circles identities over time, without pictures. Time is in seconds, so dropped frames need no
/// special case. At most 512 tracks at a time. Of more than 1024 circles the most confident are considered.
/// Non-finite circles, and those beyond 1e7 pixels, are ignored. One thread at a time.
class CircleAssociator {
 public:
  explicit CircleAssociator(const CircleTrackerOptions& options = {});
  CircleAssociator(CircleAssociator&&) noexcept;
  CircleAssociator& operator=(CircleAssociator&&) noexcept;
  ~CircleAssociator();

  /// `pts` in seconds, ascending (a step back ends all tracks). Returns the circles whose track is confirmed.
  [[nodiscard]] Circles update(double pts, const std::vector<Circle>& found);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class Ground;  // in freshframe/ground.hpp

/// Options of BoxTracker.
struct BoxTrackerOptions {
  double max_gap = 1;           // as of CircleTrackerOptions
  float min_confidence = 0.1F;  // boxes below are ignored
  /// Least overlap (intersection over union) of a track's predicted box and the box that continues it. If the
  /// prediction is uncertain, both are first enlarged by the uncertainty.
  float min_iou = 0.3F;
  /// The plane below the objects. With it, results have the columns place, ground_velocity, speed and
  /// speed_error.
  std::shared_ptr<const Ground> ground = {};
};

/// A tracker's result for the boxes of one picture: the boxes with a confirmed track, by ascending id.
struct TrackedBoxes {
  std::vector<std::int64_t> rows;  // indices of the given boxes
  std::vector<std::int64_t> ids;
  std::vector<TrackInfo> tracks;
};

/// Gives boxes identities over time, as CircleAssociator does for circles. A track keeps its class. At most
/// 512 tracks at a time. Of more than 1024 boxes the most confident are considered. Boxes that are not
/// finite, lie beyond 1e7 pixels or have right < left or bottom < top are ignored. One thread at a time.
class BoxAssociator {
 public:
  explicit BoxAssociator(const BoxTrackerOptions& options = {});
  BoxAssociator(BoxAssociator&&) noexcept;
  BoxAssociator& operator=(BoxAssociator&&) noexcept;
  ~BoxAssociator();

  /// `pts` in seconds, ascending (a step back ends all tracks).
  [[nodiscard]] TrackedBoxes update(double pts, std::span<const Detection> found);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Detector and associator in one node; one set of tracks per source below a merge.
class CircleTracker final : public Node<Frame, Circles> {
 public:
  explicit CircleTracker(const CircleTrackerOptions& options = {});
  ~CircleTracker() override;
  [[nodiscard]] std::string default_name() const override { return "CircleTracker"; }
  /// The circles of one picture that have an identity, for programs without a pipeline. `pts` in seconds,
  /// ascending (a step back ends all tracks). Each source has its own tracks.
  [[nodiscard]] Circles update(const Frame& frame, double pts, int source = 0);
  std::optional<Circles> process(const Sample<Frame>& sample, const Context& context) override;
  void source_gone(int source) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A tracker of boxes as a node; one set of tracks per source.
class BoxTracker final : public Node<Detections, Detections> {
 public:
  explicit BoxTracker(const BoxTrackerOptions& options = {});
  ~BoxTracker() override;
  [[nodiscard]] std::string default_name() const override { return "BoxTracker"; }
  /// The boxes of one picture that have an identity, for programs without a pipeline. `pts` in seconds,
  /// ascending (a step back ends all tracks). Each source has its own tracks. `size`: of the picture, in
  /// which a box at the edge is cut off: with a ground it has no foot.
  [[nodiscard]] Detections update(const Detections& found, double pts, int source = 0, PictureSize size = {});
  std::optional<Detections> process(const Sample<Detections>& sample, const Context& context) override;
  void source_gone(int source) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Options of BoxPredictor.
struct BoxPredictorOptions {
  double max_age = 0.5;  // seconds after which tracks are too old to predict from: more than 0, at most 60
};

/// Gives the tracks' predicted boxes for each picture of a camera, below the camera and a BoxTracker: where a detector
/// is slower than the camera, boxes move with the pictures. Each box moves with its velocity from its newest picture.
/// Columns `place`, `keypoints` and `corners` move along; `mask` is left out.
class BoxPredictor final : public EitherNode<Frame, Detections, Detections> {
 public:
  /// Throws OptionError.
  explicit BoxPredictor(const BoxPredictorOptions& options = {});
  ~BoxPredictor() override;
  [[nodiscard]] std::string default_name() const override { return "BoxPredictor"; }
  std::optional<Detections> process(const Sample<Frame>& sample, const Context& context) override;
  /// Gives nothing. Throws Error for boxes without a velocity.
  std::optional<Detections> process(const Sample<Detections>& sample, const Context& context) override;
  void source_gone(int source) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Options of Annotate.
struct AnnotateOptions {
  double trail = 1.0;                    // seconds of the path drawn of a tracked object; 0 draws none
  std::optional<float> line_width = {};  // pixels; nullopt means chosen from the picture's size
  bool masks = true;                     // draws the column `mask`
  bool skeletons = true;                 // draws the column `keypoints`
  /// A text with fields, such as "{class_name} {speed:.0f} m/s". Fields are the columns of a file of results, dwell
  /// (below a zone), and each column of one value. By default the id, and of boxes the class's name and the confidence.
  std::optional<std::string> labels = {};
  /// A text in the picture's corner, with the fields pts, utc (strftime's format), seq and count.
  std::string caption = {};
  std::vector<std::string> blur = {};  // names of classes whose objects are made unrecognisable
};

/// Draws circles or boxes, their labels and trails, and counts, into a copy of the sample's frame in the
/// frame's own format. A gray frame becomes I420. A circle has the colour of its id or, without one, of its
/// confidence. A box has the colour of its class. Circles and boxes that are not finite or lie beyond 1e6
/// pixels are left out. Labels are in ASCII: accents are removed, and every other letter is drawn as an empty
/// box.
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
  /// Draws one picture, for programs without a pipeline. `value` is one of these four types. `pts` in seconds,
  /// for trails; nullopt means without trails.
  [[nodiscard]] Frame draw(const Frame& frame, const ValueRef& value, std::optional<double> pts = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe

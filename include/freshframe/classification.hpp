// Runs a second model on each detected object and adds its class to the detections.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/inference.hpp"
#include "freshframe/node.hpp"
#include "freshframe/results.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace freshframe {

/// Options of OnnxClassifier.
struct OnnxClassifierOptions {
  /// When to classify an object. Each: in every frame. Growing: once per track, and again whenever a view is
  /// twice as good as the best so far, at most six times in total. Best: at a track's best view, once there
  /// has been no better one for half a second; then again as with Growing. Growing and Best need a tracker
  /// upstream, and the result stays with the track. A view is scored by area times confidence, divided by
  /// four if it is cut off at the image border, or if a box in front of it (lower in the image) covers a
  /// fifth of it.
  enum class When : std::uint8_t { Each, Growing, Best };

  std::string column = "kind";  // column for the class name; its probability goes to COLUMN_confidence
  std::vector<std::string> names = {};  // class names, if the file does not contain them
  /// The model's input size (width, height), if the file does not fix it.
  std::optional<std::pair<int, int>> size = {};
  /// True crops the centre in the input's aspect ratio, as in Ultralytics' training; false stretches the
  /// whole crop. Default: from the file's metadata.
  std::optional<bool> center_crop = {};
  /// Whether to downscale with antialiasing, as Pillow does, or without, as cv2.resize does. Default: from
  /// the file's metadata.
  std::optional<bool> antialias = {};
  std::vector<std::string> classes = {};  // names of the classes to look at; empty for all
  float padding = 0;  // margin added on each side of a box, relative to its width or height: 0 to 10
  When when = When::Each;
};

/// Classifies the objects of a sample from crops of its frame's decoded planes, and adds two columns: the
/// class name as text ("" if not classified) and its probability as float32 (NaN if not classified). If
/// `when` is not Each, COLUMN_pts holds the pts of the frame that was classified, as float64 (NaN if none).
/// Use from one thread at a time.
class OnnxClassifier final : public Node<Detections, Detections> {
 public:
  /// Runs the model once to check it. Throws OptionError if it does not output one number per class.
  OnnxClassifier(const OnnxModel& model, const OnnxClassifierOptions& options);
  ~OnnxClassifier() override;
  [[nodiscard]] std::string default_name() const override { return "OnnxClassifier"; }
  [[nodiscard]] NodeReport report(Span span) const override;
  std::optional<Detections> process(const Sample<Detections>& sample, const Context& context) override;
  void source_gone(int source) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe

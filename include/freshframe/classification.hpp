// A second model for each object of a detector: its class, as columns of the same boxes.
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
  /// Each: in each picture. Growing: once per track, and again when the view is twice as good as the best one so
  /// far, at most six times. Best: at the best view of a track, after half a second without a better one; again
  /// as for growing. A view is as good as its area times its confidence, a quarter where the picture's edge cuts it off
  /// or a box that stands farther below covers a fifth of it. The result stays with the track.
  enum class When : std::uint8_t { Each, Growing, Best };

  std::string column = "kind";          // column with the class's name; COLUMN_confidence has its probability
  std::vector<std::string> names = {};  // names of the classes, if the file lists none
  /// (width, height) of the input, where the file leaves it open.
  std::optional<std::pair<int, int>> size = {};
  /// Takes the middle of a crop in the input's aspect ratio, as Ultralytics' classifiers are trained; at
  /// false all of it, stretched. Default: by the file's metadata.
  std::optional<bool> center_crop = {};
  /// Lets each pixel of a crop count that is made smaller, as in Pillow; at false those between which an
  /// output's centre lies, as in cv2.resize. Default: by the file's metadata.
  std::optional<bool> antialias = {};
  std::vector<std::string> classes = {};  // takes only boxes of these, by name, or all if it is empty
  float padding = 0;  // added at each side of a box, as a share of its width or height: 0 to 10
  When when = When::Each;
};

/// Classifies the objects of a sample by crops of its frame, cut from the decoded planes, and adds two columns: the
/// name of the class as text ("": not looked at) and its probability as float32 (NaN: not looked at). With a `when`
/// other than Each also COLUMN_pts, the time of the picture that was looked at, as float64 (NaN: none). One thread.
class OnnxClassifier final : public Node<Detections, Detections> {
 public:
  /// Runs the model once. Throws OptionError if its output is not one number per class.
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

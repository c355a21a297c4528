// Neural detectors: ONNX models as nodes. ONNX Runtime is loaded at run time from its own package.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/node.hpp"
#include "freshframe/vision.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace freshframe {

namespace inference {
class Session;  // src/inference/runtime/session.hpp
}

/// Options of every model in an ONNX file.
struct OnnxOptions {
  std::string library;            // path of libonnxruntime.so, 1.20 or newer
  int threads = 0;                // threads that compute a picture; 0 means the usable processors, at most 4
  std::string provider = "auto";  // "cpu", "cuda" or "openvino"; auto: the first that works, the CPU last
};

/// An ONNX file in memory. Copies share it; thread-safe.
class OnnxModel {
 public:
  /// Throws Error without ONNX Runtime, with the command to install it, and OptionError for a file that
  /// cannot be run, with the reason.
  OnnxModel(const std::string& path, const OnnxOptions& options);

  [[nodiscard]] const std::string& provider() const noexcept;
  [[nodiscard]] const std::shared_ptr<const inference::Session>& session() const noexcept { return session_; }

 private:
  std::shared_ptr<const inference::Session> session_;
};

/// Options of a detector in an ONNX file.
struct OnnxDetectorOptions {
  float min_confidence = 0.25F;         // 0..1: only boxes above it are returned
  float max_iou = 0.45F;                // 0..1: boxes of a class that overlap more are one
  std::vector<std::string> classes;     // only these, by name; empty means all
  std::vector<std::string> names = {};  // names of the classes, if the file lists none
  std::string layout = {};              // empty means recognised from the file
  /// (width, height) of the input, where the file leaves it open.
  std::optional<std::pair<int, int>> size = {};
  // Makes a batch one tensor, where the file leaves its first axis open. At false each picture has its own
  // run, on a CPU several at once. Default: by the provider, because on a CPU a larger tensor is not faster.
  std::optional<bool> tensor_batches = {};
  // Only this part of a picture is scaled to the input. The boxes are in the coordinates of the whole
  // picture. Where pixels share their chroma, it begins up to one pixel before.
  std::optional<Region> roi = {};
};

/// Runs a model of any kind on pictures and returns its raw outputs by name. A picture is scaled to the input
/// with its aspect ratio, grey bars fill the rest, and its levels become 0..1, red first.
[[nodiscard]] std::unique_ptr<NodeBase> onnx_outputs(const OnnxModel& model,
                                                     const std::optional<std::pair<int, int>>& size = {});

/// Finds boxes with a neural network, from the decoded planes to the picture's coordinates. Added with a
/// batch, on a CPU it computes as many pictures at once as the model has threads. For that it loads the file
/// again at the first batch.
class OnnxDetector final : public BatchNode<Frame, Detections> {
 public:
  /// Runs the model once. Throws OptionError if it is not a detector or its outputs have no known layout.
  OnnxDetector(const OnnxModel& model, const OnnxDetectorOptions& options);
  ~OnnxDetector() override;
  [[nodiscard]] std::string default_name() const override { return "OnnxDetector"; }
  [[nodiscard]] NodeReport report(Span span) const override;
  std::vector<std::optional<Detections>> process_batch(std::span<const Sample<Frame>> samples,
                                                       const Context& context) override;
  void close() override;
  /// The boxes of one picture, for programs without a pipeline.
  [[nodiscard]] Detections detect(const Frame& frame);

  /// Options that may change while the node works; the next picture has them. Thread-safe. Throw OptionError for
  /// an impossible value, and change nothing then.
  void set_min_confidence(float confidence);
  void set_classes(const std::vector<std::string>& classes);

  /// The layout that was recognised, and the reason.
  struct Description {
    std::string layout;
    std::string layout_reason;
    std::vector<std::string> names;
    int classes = 0;
    int width = 0;  // width of the input
    int height = 0;
    int batch_size = 1;  // pictures in one run of the file; 0 means any number
  };
  [[nodiscard]] Description description() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe

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
  int threads = 0;                // that compute a picture; 0: as many as there are processors, at most 4
  std::string provider = "auto";  // what computes: "cpu", "cuda", "openvino"; auto: the first that works
};

/// An ONNX file in memory. Copies share it; thread-safe.
class OnnxModel {
 public:
  /// Throws Error: no ONNX Runtime, with what to install; OptionError: the file cannot be run, and why.
  OnnxModel(const std::string& path, const OnnxOptions& options);

  [[nodiscard]] const std::string& provider() const noexcept;
  [[nodiscard]] const std::shared_ptr<const inference::Session>& session() const noexcept { return session_; }

 private:
  std::shared_ptr<const inference::Session> session_;
};

/// Options of a detector in an ONNX file.
struct OnnxDetectorOptions {
  float confidence = 0.25F;             // 0..1: boxes above it are given
  float iou = 0.45F;                    // 0..1: boxes of a class that overlap more are one
  std::vector<std::string> classes;     // only these, by name; empty: all
  std::vector<std::string> names = {};  // of the classes, where the file has none
  std::string layout = {};              // empty: recognised
  std::optional<std::pair<int, int>> size =
      {};  // (width, height) of the input, where the file leaves it open
  // A batch is one tensor, where the file leaves its first axis open; false: a run for each picture, several at
  // once on a CPU. Default: by what computes; on a CPU a tensor of several is no faster.
  std::optional<bool> tensor_batches = {};
};

/// Runs a model of any kind on pictures: its outputs by name, as they are. A picture is scaled into the input
/// with its sides' ratio, grey bars fill the rest, and its levels become 0..1, red first.
[[nodiscard]] std::unique_ptr<NodeBase> onnx_outputs(const OnnxModel& model,
                                                     const std::optional<std::pair<int, int>>& size = {});

/// Finds boxes with a neural network, from the decoded planes to the picture's coordinates. Added with a batch, it
/// computes as many pictures at once as the model has threads, and loads the file again for that when the first
/// batch comes.
class OnnxDetector final : public BatchNode<Frame, Detections> {
 public:
  /// Runs the model once. Throws OptionError: no detector, or its outputs are not understood.
  OnnxDetector(const OnnxModel& model, const OnnxDetectorOptions& options);
  ~OnnxDetector() override;
  [[nodiscard]] std::string default_name() const override { return "OnnxDetector"; }
  [[nodiscard]] std::optional<InferenceStats> inference() const override;
  std::vector<std::optional<Detections>> process_batch(std::span<const Sample<Frame>> samples,
                                                       const Context& context) override;
  void close() override;

  /// What the model was taken for.
  struct Description {
    std::string layout;
    std::string why;
    std::vector<std::string> names;
    int classes = 0;
    int width = 0;  // of the input
    int height = 0;
    int pictures = 1;  // that the file takes in one run; 0: any number
  };
  [[nodiscard]] Description description() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe

// Neural network nodes that run ONNX models. ONNX Runtime is loaded at run time from its own package.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/node.hpp"
#include "freshframe/vision.hpp"

#include <map>
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

/// Options that apply to every ONNX model.
struct OnnxOptions {
  std::string library;  // path of libonnxruntime.so, 1.20 or newer
  int threads = 0;      // CPU threads per run; 0 for the available cores, at most 4
  /// The name of one of ONNX Runtime's execution providers, such as "openvino" or
  /// "OpenVINOExecutionProvider"; auto: the first that works of CUDA, OpenVINO and the CPU.
  std::string provider = "auto";
  /// Options for that provider, under ONNX Runtime's names.
  std::map<std::string, std::string> provider_options = {};
};

/// A loaded ONNX file. Copies share it. Thread-safe.
class OnnxModel {
 public:
  /// Throws Error if ONNX Runtime is not installed, with the command to install it, and OptionError, with the
  /// reason, if the file cannot be run.
  OnnxModel(const std::string& path, const OnnxOptions& options);

  [[nodiscard]] const std::string& provider() const noexcept;
  [[nodiscard]] const std::shared_ptr<const inference::Session>& session() const noexcept { return session_; }

 private:
  std::shared_ptr<const inference::Session> session_;
};

/// Options of OnnxDetector.
struct OnnxDetectorOptions {
  float min_confidence = 0.25F;  // 0 to 1; less confident boxes are discarded
  float max_iou = 0.45F;         // 0 to 1; NMS threshold: of boxes that overlap more, one per class is kept
  bool agnostic_nms = false;     // NMS across classes: also drops overlapping boxes of other classes
  std::vector<std::string> classes;     // class names to keep; empty for all
  std::vector<std::string> names = {};  // class names, if the file does not contain them
  std::string layout = {};              // if empty, detected from the file
  /// The model's input size (width, height), if the file does not fix it.
  std::optional<std::pair<int, int>> size = {};
  // Runs a batch as a single tensor, if the file's batch dimension is dynamic; otherwise runs images one by
  // one, on a CPU several in parallel. Default: by provider, since on a CPU a larger tensor is not faster.
  std::optional<bool> tensor_batches = {};
  // Only this part of the image is scaled to the input. Boxes are still in coordinates of the whole image.
  // With subsampled chroma the region starts up to one pixel earlier.
  std::optional<Region> roi = {};
};

/// Runs any model on frames and returns its raw outputs by name. Images are letterboxed to the input with
/// grey bars, as RGB with values from 0 to 1.
[[nodiscard]] std::unique_ptr<NodeBase> onnx_outputs(const OnnxModel& model,
                                                     const std::optional<std::pair<int, int>>& size = {});

/// Detects boxes with a neural network and returns them in image coordinates. With a batch on a CPU, it runs
/// as many images in parallel as the model has threads; for that prepare_batches() loads the file a second
/// time.
class OnnxDetector final : public BatchNode<Frame, Detections> {
 public:
  /// Runs the model once to check it. Throws OptionError if it is not a detector or its output layout is not
  /// recognised.
  OnnxDetector(const OnnxModel& model, const OnnxDetectorOptions& options);
  ~OnnxDetector() override;
  [[nodiscard]] std::string default_name() const override { return "OnnxDetector"; }
  [[nodiscard]] NodeReport report(Span span) const override;
  std::vector<std::optional<Detections>> process_batch(std::span<const Sample<Frame>> samples,
                                                       const Context& context) override;
  /// Loads the file a second time, if batches need that, so that the first batch does not wait for it. If the
  /// file was changed or removed since the constructor, a WARNING is logged, and batches run on the model
  /// that was loaded first, more slowly. Call it before the node is added; otherwise the first batch does.
  void prepare_batches();
  void source_gone(int source) override;
  void close() override;
  /// Detects boxes in one image, without a pipeline.
  [[nodiscard]] Detections detect(const Frame& frame);

  /// May be called while the node runs; takes effect with the next frame. Thread-safe. Throw OptionError for
  /// an invalid value without changing anything.
  void set_min_confidence(float confidence);
  void set_classes(const std::vector<std::string>& classes);

  /// How the model's outputs are read, and why.
  struct Description {
    std::string layout;
    std::string layout_reason;
    std::vector<std::string> names;
    int classes = 0;
    int width = 0;  // input width
    int height = 0;
    int batch_size = 1;  // images per run, as fixed by the file; 0 means any number
  };
  [[nodiscard]] Description description() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshframe

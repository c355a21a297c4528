// From a model's outputs to boxes in a picture.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "inference/boxes/layout.hpp"
#include "inference/picture/letterbox.hpp"

namespace freshframe::inference {

// Non-maximum suppression: of overlapping boxes of one class, the most confident stays.

inline constexpr std::size_t kMostBoxes = 300;          // of a detector
inline constexpr std::size_t kMostCandidates = 30'000;  // the most confident are considered

/// A box with the row of the model's output that it was read from. A turned one is upright here, with its angle.
struct Candidate : Detection {
  std::size_t row = 0;
  float angle = 0;  // radians, clockwise in the picture
};

/// Greedy, class by class, as torchvision.ops.batched_nms. A box is removed when its overlap (intersection
/// over union) with a more confident one is more than `iou`. Most confident first, and in the given order for
/// equal confidences, so the result is the same in every run.
[[nodiscard]] std::vector<Candidate> suppress(std::vector<Candidate> boxes, float iou);

/// Most confident first, at most kMostBoxes.
void keep_surest(std::vector<Candidate>& boxes, std::size_t most = kMostBoxes);

/// The numbers of one output. Either `floats` or `integers` is empty.
struct OutputView {
  std::span<const float> floats;
  std::span<const std::int64_t> integers = {};
  std::span<const std::int64_t> shape;  // of the whole output
  std::size_t pictures = 1;             // in the whole output; the spans are of one picture
};

struct DecodeOptions {
  float confidence = 0.25F;  // boxes above it
  float iou = 0.45F;
  std::vector<bool> wanted = {};  // by class; empty: all. Classes beyond its end are not wanted
};

/// Boxes in pixels of the input, before the removal of duplicates. NaN gives no box. Throws Error when the
/// outputs have other shapes than were recognised.
[[nodiscard]] std::vector<Candidate> candidates(const Recognised& how, std::span<const OutputView> outputs,
                                                const InputForm& form, const DecodeOptions& options);
/// The boxes of candidates().
[[nodiscard]] std::vector<Detection> decode(const Recognised& how, std::span<const OutputView> outputs,
                                            const InputForm& form, const DecodeOptions& options);

/// Error that the outputs have changed their shape.
[[noreturn]] void refuse_outputs(const std::string& what);

/// Whether the model's output contains duplicates.
[[nodiscard]] bool needs_suppression(Layout layout) noexcept;

/// Without duplicates, in pixels of the frame and within the picture; most confident first. With the column
/// `keypoints`, `mask` or `corners` of the model's head.
struct Decoded {
  std::vector<Detection> boxes;
  std::vector<DataColumn> columns;
};
[[nodiscard]] Decoded decoded_in_picture(const Recognised& how, std::span<const OutputView> outputs,
                                         const PicturePlace& place, const DecodeOptions& options);
/// The boxes of decoded_in_picture(), of a picture that is the whole frame.
[[nodiscard]] std::vector<Detection> boxes_in_picture(const Recognised& how,
                                                      std::span<const OutputView> outputs,
                                                      const InputForm& form, const Placement& placement,
                                                      const DecodeOptions& options);

/// The input form of the layout's models: the scale of the numbers, and whether pictures are stretched.
void apply_to(InputForm& form, Layout layout);

}  // namespace freshframe::inference

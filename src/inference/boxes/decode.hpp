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
#include "inference/boxes/nms.hpp"
#include "inference/picture/letterbox.hpp"
#include "inference/picture/picture_place.hpp"

namespace freshframe::inference {

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

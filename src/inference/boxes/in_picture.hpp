// Boxes in a picture, from a model's outputs: without duplicates, with the columns of the model's head.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/results.hpp"

#include <span>
#include <vector>

#include "inference/boxes/decode.hpp"
#include "inference/boxes/recognise.hpp"
#include "inference/picture/letterbox.hpp"

namespace freshframe::inference {

/// Without duplicates, in pixels of the frame and within the picture; most confident first. With the column
/// `keypoints`, `mask` or `corners` of the model's head.
struct Decoded {
  std::vector<Detection> boxes;
  std::vector<DataColumn> columns;
};
[[nodiscard]] Decoded decoded_in_picture(const Recognised& how, std::span<const OutputView> outputs,
                                         const PicturePlace& place, const DecodeOptions& options);

}  // namespace freshframe::inference

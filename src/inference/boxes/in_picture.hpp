// Converts a model's outputs to boxes in the image: with non-maximum suppression, and with the columns of the
// model's head.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/results.hpp"

#include <span>
#include <vector>

#include "inference/boxes/decode.hpp"
#include "inference/boxes/recognise.hpp"
#include "inference/picture/letterbox.hpp"

namespace freshframe::inference {

/// After non-maximum suppression, in pixels of the frame and clipped to the image; most confident first. Has
/// the column `keypoints`, `mask` or `corners` if the model has such a head.
struct Decoded {
  std::vector<Detection> boxes;
  std::vector<DataColumn> columns;
};
[[nodiscard]] Decoded decoded_in_picture(const Recognised& how, std::span<const OutputView> outputs,
                                         const PicturePlace& place, const DecodeOptions& options);

}  // namespace freshframe::inference

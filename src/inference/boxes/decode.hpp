// Decoders, one per output layout: from a model's outputs to boxes in its input.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/results.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "inference/boxes/recognise.hpp"
#include "inference/picture/letterbox.hpp"

namespace freshframe::inference {

/// The values of one output. Either `floats` or `integers` is empty.
struct OutputView {
  std::span<const float> floats;
  std::span<const std::int64_t> integers = {};
  std::span<const std::int64_t> shape;  // shape of the whole output
  std::size_t pictures = 1;             // images in the whole output; the spans are of one image
};

struct DecodeOptions {
  float confidence = 0.25F;  // boxes with a higher confidence are kept
  float iou = 0.45F;
  bool agnostic = false;  // boxes of different classes are duplicates, too
  // one flag per class; empty for all classes. Classes beyond the end are not wanted
  std::vector<bool> wanted = {};
};

/// A box, with the row of the output that it was read from. An oriented box is stored unrotated, with its
/// angle.
struct Candidate : Detection {
  std::size_t row = 0;
  float angle = 0;  // radians, clockwise in the image
};

/// Boxes in pixels of the input, before non-maximum suppression. Boxes with NaN are skipped. Throws Error if
/// the shapes differ from those that were recognized.
[[nodiscard]] std::vector<Candidate> candidates(const Recognised& how, std::span<const OutputView> outputs,
                                                const InputForm& form, const DecodeOptions& options);

/// The values of a model's head, which follow the box and its classes in each row.
class HeadNumbers {
 public:
  HeadNumbers(const Recognised& how, const OutputView& output);

  /// Returns value `k` of the head in a candidate's row.
  [[nodiscard]] float at(std::size_t row, std::size_t k) const {
    return numbers_[is_columns_ ? first_ + k * step_ + row : row * step_ + first_ + k];
  }

 private:
  std::span<const float> numbers_;
  bool is_columns_;
  std::size_t first_ = 0;
  std::size_t step_ = 0;
};

/// Throws Error: the shape of the outputs has changed.
[[noreturn]] void refuse_outputs(const std::string& what);

}  // namespace freshframe::inference

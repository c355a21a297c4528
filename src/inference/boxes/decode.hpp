// Decoders, one per layout: from a model's outputs to boxes in its input.
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

/// The numbers of one output. Either `floats` or `integers` is empty.
struct OutputView {
  std::span<const float> floats;
  std::span<const std::int64_t> integers = {};
  std::span<const std::int64_t> shape;  // shape of the whole output
  std::size_t pictures = 1;             // in the whole output; the spans are of one picture
};

struct DecodeOptions {
  float confidence = 0.25F;  // boxes above it
  float iou = 0.45F;
  std::vector<bool> wanted = {};  // by class; empty means all. Classes beyond its end are not wanted
};

/// A box with the row of the model's output that it was read from. A turned one is upright here, with its angle.
struct Candidate : Detection {
  std::size_t row = 0;
  float angle = 0;  // radians, clockwise in the picture
};

/// Boxes in pixels of the input, before the removal of duplicates. NaN gives no box. Throws Error when the
/// outputs have other shapes than were recognised.
[[nodiscard]] std::vector<Candidate> candidates(const Recognised& how, std::span<const OutputView> outputs,
                                                const InputForm& form, const DecodeOptions& options);

/// The numbers of a model's head in the output with its boxes: in each row, they follow the box and its classes.
class HeadNumbers {
 public:
  HeadNumbers(const Recognised& how, const OutputView& output);

  /// Returns number `k` of them in a candidate's row.
  [[nodiscard]] float at(std::size_t row, std::size_t k) const {
    return numbers_[is_columns_ ? first_ + k * step_ + row : row * step_ + first_ + k];
  }

 private:
  std::span<const float> numbers_;
  bool is_columns_;
  std::size_t first_ = 0;
  std::size_t step_ = 0;
};

/// Error that the outputs have changed their shape.
[[noreturn]] void refuse_outputs(const std::string& what);

}  // namespace freshframe::inference

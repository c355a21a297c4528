// Decoders, one per output layout.
// SPDX-License-Identifier: Apache-2.0
#include "inference/boxes/decode.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "inference/boxes/best_classes.hpp"

namespace freshframe::inference {
namespace {

// Returns how many values of a row precede those of the head: the box and its classes. Other layouts have six
// values before them, or no head.
std::size_t numbers_before_head(const Recognised& how) {
  return how.layout == Layout::Yolov8 ? 4 + static_cast<std::size_t>(how.classes) : 6;
}

class Decoder {
 public:
  Decoder(const Recognised& how, std::span<const OutputView> outputs, const InputForm& form,
          const DecodeOptions& options)
      : how_(how), outputs_(outputs), form_(form), options_(options) {}

  std::vector<Candidate> decode() {
    switch (how_.layout) {
      case Layout::Yolov5:
        rows_with_objectness();
        break;
      case Layout::Yolov8:
        columns();
        break;
      case Layout::End2end:
      case Layout::Rtdetr6:
        sixes();
        break;
      case Layout::Rtdetr:
        queries();
        break;
      case Layout::Rfdetr:
        logits();
        break;
      case Layout::Detr:
        softmaxes();
        break;
      case Layout::Boxes:
        three_outputs();
        break;
      case Layout::Ssd:
        corners_and_scores();
        break;
    }
    return std::move(found_);
  }

 private:
  // An output of shape [1, rows, columns] or [rows, columns]; `columns` of 0 accepts any number.
  struct Grid {
    const float* data;
    std::size_t rows;
    std::size_t columns;
    [[nodiscard]] const float* row(std::size_t i) const { return data + i * columns; }
  };

  [[nodiscard]] const OutputView& output(std::size_t index) const {
    if (index >= outputs_.size()) refuse_outputs("there are fewer outputs");
    return outputs_[index];
  }

  [[nodiscard]] Grid grid(std::size_t index, std::size_t columns) const {
    const auto& from = output(index);
    const auto axes = from.shape.size();
    if (axes < 2 || (axes == 3 && from.shape[0] != static_cast<std::int64_t>(from.pictures)) || axes > 3)
      refuse_outputs("an output does not have two axes for one image");
    const auto rows = static_cast<std::size_t>(from.shape[axes - 2]);
    const auto width = static_cast<std::size_t>(from.shape[axes - 1]);
    if (columns != 0 && width != columns) refuse_outputs("a row has " + std::to_string(width) + " numbers");
    if (from.floats.size() != rows * width) {
      throw Error("the model's output " + std::to_string(index) +
                  " must be float32, float16 or float64: export it with one of these types");
    }
    return {from.floats.data(), rows, width};
  }

  [[nodiscard]] bool is_wanted(std::size_t id) const {
    return options_.wanted.empty() || (id < options_.wanted.size() && options_.wanted[id]);
  }

  // `corners` are in pixels of the input.
  void add(std::size_t row, const std::array<float, 4>& corners, float confidence, std::size_t id) {
    if (!(confidence > options_.confidence) || !is_wanted(id)) return;  // also skips NaN
    const auto is_number = [](float value) { return std::isfinite(value); };
    if (!std::ranges::all_of(corners, is_number) || !is_number(confidence)) return;
    if (!(corners[2] > corners[0]) || !(corners[3] > corners[1])) return;
    found_.push_back(
        {{corners[0], corners[1], corners[2], corners[3], std::min(confidence, 1.0F), static_cast<int>(id)},
         row,
         0});
  }

  static std::array<float, 4> place_centre(float x, float y, float width, float height) {
    return {x - width / 2, y - height / 2, x + width / 2, y + height / 2};
  }

  // Corners of a box given as center and size in 0..1.
  [[nodiscard]] std::array<float, 4> place_shares(const float* box) const {
    const auto width = static_cast<float>(form_.width);
    const auto height = static_cast<float>(form_.height);
    return place_centre(box[0] * width, box[1] * height, box[2] * width, box[3] * height);
  }

  static std::size_t find_best(const float* scores, std::size_t count) {
    return static_cast<std::size_t>(std::max_element(scores, scores + count) - scores);
  }

  [[nodiscard]] std::size_t classes() const { return static_cast<std::size_t>(how_.classes); }

  void rows_with_objectness() {
    const auto table = grid(how_.boxes, 5 + classes());
    for (std::size_t i = 0; i < table.rows; ++i) {
      const float* const row = table.row(i);
      if (!(row[4] > options_.confidence)) continue;
      const auto best = find_best(row + 5, classes());
      add(i, place_centre(row[0], row[1], row[2], row[3]), row[4] * row[5 + best], best);
    }
  }

  void columns() {
    const auto table = grid(how_.boxes, 0);
    if (table.rows != numbers_before_head(how_) + how_.head.numbers())
      refuse_outputs("an output has " + std::to_string(table.rows) + " rows");
    const std::size_t count = table.columns;
    const auto best = best_classes(table.row(4), classes(), count);
    for (std::size_t i = 0; i < count; ++i) {
      if (!(best.scores[i] > options_.confidence)) continue;
      add(i, place_centre(table.row(0)[i], table.row(1)[i], table.row(2)[i], table.row(3)[i]), best.scores[i],
          static_cast<std::size_t>(best.classes[i]));
    }
  }

  [[nodiscard]] std::array<float, 4> read_six(const float* row) const {
    if (how_.layout == Layout::Rtdetr6) return place_shares(row);
    if (how_.head.turned) return place_centre(row[0], row[1], row[2], row[3]);
    return {row[0], row[1], row[2], row[3]};
  }

  void sixes() {
    const auto table = grid(how_.boxes, numbers_before_head(how_) + how_.head.numbers());
    for (std::size_t i = 0; i < table.rows; ++i) {
      const float* const row = table.row(i);
      constexpr float kMostClasses = 1e6F;
      if (!(row[5] >= 0 && row[5] < kMostClasses)) continue;
      const auto id = static_cast<std::size_t>(std::lround(row[5]));
      add(i, read_six(row), row[4], id);
    }
  }

  void queries() {
    const auto table = grid(how_.boxes, 4 + classes());
    for (std::size_t i = 0; i < table.rows; ++i) {
      const auto best = find_best(table.row(i) + 4, classes());
      add(i, place_shares(table.row(i)), table.row(i)[4 + best], best);
    }
  }

  [[nodiscard]] std::array<Grid, 2> boxes_and_scores() const {
    const auto boxes = grid(how_.boxes, 4);
    const auto scores = grid(how_.scores, 0);
    if (boxes.rows != scores.rows) refuse_outputs("there are not as many scores as boxes");
    if (scores.columns < classes()) refuse_outputs("a row has " + std::to_string(scores.columns) + " scores");
    return {boxes, scores};
  }

  void logits() {
    const auto [boxes, scores] = boxes_and_scores();
    for (std::size_t i = 0; i < boxes.rows; ++i) {
      const auto best = find_best(scores.row(i), classes());
      add(i, place_shares(boxes.row(i)), 1 / (1 + std::exp(-scores.row(i)[best])), best);
    }
  }

  void softmaxes() {
    const auto [boxes, scores] = boxes_and_scores();
    for (std::size_t i = 0; i < boxes.rows; ++i) {
      const float* const row = scores.row(i);
      const auto best = find_best(row, classes());
      float sum = 0;
      for (std::size_t k = 0; k < scores.columns; ++k) sum += std::exp(row[k] - row[best]);
      add(i, place_shares(boxes.row(i)), 1 / sum, best);
    }
  }

  void three_outputs() {
    const auto boxes = grid(how_.boxes, 4);
    const auto& scores = output(how_.scores);
    const auto& labels = output(how_.labels);
    if (scores.floats.size() != boxes.rows) refuse_outputs("there are not as many scores as boxes");
    const bool whole = labels.integers.size() == boxes.rows;
    if (!whole && labels.floats.size() != boxes.rows) refuse_outputs("there are not as many labels as boxes");
    for (std::size_t i = 0; i < boxes.rows; ++i) {
      const float* const row = boxes.row(i);
      const double label =
          whole ? static_cast<double>(labels.integers[i]) : static_cast<double>(labels.floats[i]);
      if (!(label >= 0 && label < 1e6)) continue;
      add(i, {row[0], row[1], row[2], row[3]}, scores.floats[i],
          static_cast<std::size_t>(std::llround(label)));
    }
  }

  void corners_and_scores() {
    const auto boxes = grid(how_.boxes, 4);
    const auto scores = grid(how_.scores, 1 + classes());
    if (boxes.rows != scores.rows) refuse_outputs("there are not as many scores as boxes");
    const auto width = static_cast<float>(form_.width);
    const auto height = static_cast<float>(form_.height);
    for (std::size_t i = 0; i < boxes.rows; ++i) {
      const float* const box = boxes.row(i);
      const auto best = find_best(scores.row(i) + 1, classes());
      add(i, {box[0] * width, box[1] * height, box[2] * width, box[3] * height}, scores.row(i)[1 + best],
          best);
    }
  }

  const Recognised& how_;
  std::span<const OutputView> outputs_;
  const InputForm& form_;
  const DecodeOptions& options_;
  std::vector<Candidate> found_;
};

}  // namespace

std::vector<Candidate> candidates(const Recognised& how, std::span<const OutputView> outputs,
                                  const InputForm& form, const DecodeOptions& options) {
  return Decoder(how, outputs, form, options).decode();
}

HeadNumbers::HeadNumbers(const Recognised& how, const OutputView& output)
    : numbers_(output.floats), is_columns_(how.layout == Layout::Yolov8) {
  const auto columns = static_cast<std::size_t>(output.shape.back());
  first_ = numbers_before_head(how) * (is_columns_ ? columns : 1);
  step_ = columns;
}

void refuse_outputs(const std::string& what) {
  throw Error("the shapes of the model's outputs changed: " + what +
              "; they must stay the same as when the model was loaded");
}

}  // namespace freshframe::inference

// Recognizes output layouts. A shape alone is ambiguous: [1, 300, 6] has two meanings, and 56 rows are either
// 52 classes or a person with 17 keypoints.
// SPDX-License-Identifier: Apache-2.0
#include "inference/boxes/recognise.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "inference/boxes/names.hpp"

namespace freshframe::inference {
namespace {

constexpr std::int64_t kMostRowsOfQueries = 1000;  // maximum number of queries in DETR-like models
constexpr std::int64_t kPersonOfJoints = 56;       // 4 + 1 + 17 keypoints of 3 values
constexpr int kAnchors = 3;                        // per grid cell in YOLOv5

/// A layout that the outputs might have.
struct LayoutFit {
  Layout layout;
  std::int64_t classes;  // 0 if the shapes do not tell
  std::string why;
};

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char letter) { return std::tolower(letter); });
  return text;
}

class Recogniser {
 public:
  explicit Recogniser(const ModelFacts& facts) : facts_(facts) {
    names_ = facts.names;
    if (!names_) names_ = parse_names(metadata("names"));
  }

  Recognised recognise() {
    Recognised result;
    result.head = recognise_head(facts_);
    further_ = static_cast<std::int64_t>(result.head.numbers());
    numbers_ = result.head.describe();
    find_fits(result);
    const auto fit = choose();
    result.layout = fit.layout;
    result.why = fit.why;
    result.classes = static_cast<int>(fit.classes);
    if (names_) result.names = *names_;
    if (result.classes == 0) result.classes = static_cast<int>(result.names.size());
    check_names(result);
    return result;
  }

 private:
  [[nodiscard]] std::string metadata(const std::string& key) const { return facts_.metadata_text(key); }

  [[nodiscard]] std::int64_t named_class_count() const {
    return names_ ? static_cast<std::int64_t>(names_->size()) : 0;
  }

  [[nodiscard]] std::string list_shapes() const { return to_text(facts_.outputs); }
  [[nodiscard]] std::string file() const { return "'" + facts_.path + "'"; }

  [[nodiscard]] const std::vector<std::int64_t>& shape(std::size_t index) const {
    return facts_.outputs[index].shape;
  }
  [[nodiscard]] bool is_rows(std::size_t index, std::int64_t width = 0) const {
    const auto& sides = shape(index);
    return sides.size() == 3 && sides[0] == 1 && (width == 0 || sides[2] == width);
  }

  // Returns true if there are scores for at least one class and "no object".
  [[nodiscard]] bool has_scores(std::size_t index) const { return is_rows(index) && shape(index)[2] >= 2; }

  void add(Layout layout, std::int64_t classes, std::string why) {
    fits_.push_back({layout, classes, std::move(why)});
  }

  void find_fits(Recognised& result) {
    if (result.head.coefficients > 0) result.boxes = result.head.masks == 0U ? 1 : 0;
    if (facts_.outputs.size() == 1 || result.head.coefficients > 0) {
      find_single(result.boxes);
    } else if (further_ == 0) {  // no other family has values after the classes
      find_named(result);
    }
  }

  // Families with several outputs, identified by the output names.
  void find_named(Recognised& result) {
    const auto boxes = facts_.output("boxes");
    const auto scores = facts_.output("scores");
    const auto predicted = facts_.output("pred_boxes");
    const auto logits = facts_.output("logits") ? facts_.output("logits") : facts_.output("pred_logits");
    if (const auto dets = facts_.output("dets"), labels = facts_.output("labels"); dets && labels) {
      if (!is_rows(*dets, 4) || !has_scores(*labels)) return;
      result.boxes = *dets;
      result.scores = *labels;
      add(Layout::Rfdetr, shape(*labels)[2] - 1, "its outputs are named dets and labels");
    } else if (predicted && logits) {
      if (!is_rows(*predicted, 4) || !has_scores(*logits)) return;
      result.boxes = *predicted;
      result.scores = *logits;
      find_detr(shape(*logits)[2]);
    } else if (boxes && scores) {
      result.boxes = *boxes;
      result.scores = *scores;
      if (const auto found = facts_.output("labels")) {
        result.labels = *found;
        add(Layout::Boxes, 0, "its outputs are named boxes, scores and labels");
      } else if (is_rows(*boxes, 4) && has_scores(*scores)) {
        add(Layout::Ssd, shape(*scores)[2] - 1, "its outputs are named boxes and scores");
      }
    }
  }

  // DETR ends with the softmax score of "no object"; its successors have one sigmoid per class.
  void find_detr(std::int64_t numbers) {
    const std::string why = "its outputs are named pred_boxes and logits";
    if (facts_.layout || named_class_count() != numbers) add(Layout::Detr, numbers - 1, why);
    if (facts_.layout || named_class_count() == numbers || !names_) {
      add(Layout::Rfdetr, facts_.layout || names_ ? numbers : numbers - 1,
          why + ", a score of its own per class");
    }
  }

  void find_single(std::size_t index) {
    if (!is_rows(index)) return;
    const auto rows = shape(index)[1];
    const auto columns = shape(index)[2];
    find_scanned(rows, columns);
    believe_layout(rows, columns);
    if (!fits_.empty() || rows > kMostRowsOfQueries) return;
    if (further_ > 0) {
      if (columns == 6 + further_) {
        add(Layout::End2end, 0, "a box, confidence, class and " + numbers_);
      }
    } else if (columns == 6) {
      find_sixes();
    } else if (columns > 4 && (may_be_rtdetr(rows, columns) || named_class_count() == columns - 4)) {
      add(Layout::Rtdetr, columns - 4,
          std::to_string(rows) + " rows of centre, size and " + std::to_string(columns - 4) +
              " scores, as many as the file names classes");
    }
  }

  // More classes than rows cannot be RT-DETR, unless the user selects it.
  [[nodiscard]] bool may_be_rtdetr(std::int64_t rows, std::int64_t columns) const {
    return facts_.layout && (*facts_.layout == Layout::Rtdetr || columns - 4 <= rows);
  }

  // Accepts any number of boxes for YOLOv5 and YOLOv8, whose decoders do not depend on the grid: a model with
  // other strides has another number.
  void believe_layout(std::int64_t rows, std::int64_t columns) {
    if (!fits_.empty() || !facts_.layout) return;
    if (*facts_.layout == Layout::Yolov8 && columns > rows && rows > 4 + further_) {
      add(Layout::Yolov8, rows - 4 - further_, std::to_string(columns) + " columns of any grid");
    } else if (*facts_.layout == Layout::Yolov5 && rows > columns && columns > 5 && further_ == 0) {
      add(Layout::Yolov5, columns - 5, std::to_string(rows) + " rows of any grid");
    }
  }

  // Models with one row per grid cell.
  void find_scanned(std::int64_t rows, std::int64_t columns) {
    static constexpr std::array<std::array<int, 4>, 6> kStrides = {
        {{8, 16, 32, 0}, {8, 16, 32, 64}, {4, 8, 16, 32}, {16, 32, 0, 0}, {8, 0, 0, 0}, {16, 0, 0, 0}}};
    for (const auto& strides : kStrides) {
      std::int64_t places = 0;
      std::string list;
      const bool is_too_coarse = std::ranges::any_of(
          strides, [&](int stride) { return stride > std::min(facts_.width, facts_.height); });
      if (is_too_coarse) continue;
      for (const int stride : strides) {
        if (stride == 0) continue;
        places += static_cast<std::int64_t>(facts_.width / stride) * (facts_.height / stride);
        list += (list.empty() ? "" : ", ") + std::to_string(stride);
      }
      const auto grid = " for a grid of strides " + list + " on an input of " + std::to_string(facts_.width) +
                        "x" + std::to_string(facts_.height);
      if (columns == places && rows > 4 + further_) {
        const auto points = numbers_.empty() ? "" : ", with " + numbers_;
        add(Layout::Yolov8, rows - 4 - further_, std::to_string(columns) + " columns" + grid + points);
      }
      // Rows of six can be a model with one class, or one of the families below: with a 160x160 input both
      // have 300 rows.
      const bool is_six = columns == 6 && named_class_count() > 1 && !facts_.layout;
      if (rows == kAnchors * places && columns > 5 && !is_six && further_ == 0) {
        add(Layout::Yolov5, columns - 5, std::to_string(rows) + " rows, three" + grid);
      }
    }
  }

  // Two families write rows of six values.
  void find_sixes() {
    const auto head = metadata("head");
    const auto text = lower(metadata("description"));
    const bool says_detr = head == "RTDETRDecoder" || text.find("detr") != std::string::npos;
    const bool says_yolo = (!head.empty() && !says_detr) || text.find("yolo") != std::string::npos ||
                           metadata("args").find("'nms': True") != std::string::npos ||
                           metadata("end2end") == "True";
    if (says_detr != says_yolo && !facts_.layout) {
      if (says_detr) add(Layout::Rtdetr6, 0, "rows of six numbers, and the metadata names an RT-DETR");
      if (says_yolo)
        add(Layout::End2end, 0, "rows of six numbers, and the metadata names a YOLO without duplicates");
      return;
    }
    add(Layout::End2end, 0, "x1, y1, x2, y2, confidence, class");
    add(Layout::Rtdetr6, 0, "centre and size in 0..1, confidence, class");
    if (!names_ || named_class_count() == 2) add(Layout::Rtdetr, 2, "centre and size in 0..1, two scores");
  }

  [[nodiscard]] std::string what_to_pass() const {
    return "pass layout= one of " + layout_names() + "; or " + std::string(kDecodeYourself);
  }

  [[nodiscard]] std::string input() const {
    return "an input of " + std::to_string(facts_.width) + "x" + std::to_string(facts_.height);
  }

  LayoutFit choose() const {
    if (facts_.layout) {
      const auto given = std::ranges::find(fits_, *facts_.layout, &LayoutFit::layout);
      if (given != fits_.end()) return {given->layout, given->classes, "chosen by layout=: " + given->why};
      std::string fitting;
      for (const auto& fit : fits_)
        fitting += (fitting.empty() ? "" : ", ") + std::string(to_string(fit.layout));
      throw OptionError("layout='" + std::string(to_string(*facts_.layout)) +
                        "' does not fit the outputs of " + file() + ", " + list_shapes() + ", for " +
                        input() + "; " +
                        (fitting.empty() ? "no layout does: " + std::string(kDecodeYourself)
                                         : "layouts that fit: " + fitting));
    }
    if (fits_.empty()) {
      throw OptionError("cannot tell what the outputs of " + file() + " mean, " + list_shapes() + ", for " +
                        input() + "; " + what_to_pass());
    }
    if (fits_.size() == 1) {
      refuse_pose(fits_.front());
      return fits_.front();
    }
    std::string list;
    for (const auto& fit : fits_) {
      list += (list.empty() ? "" : ", or ") + std::string("layout='") + std::string(to_string(fit.layout)) +
              "' (" + fit.why + ")";
    }
    throw OptionError("the outputs of " + file() + ", " + list_shapes() +
                      ", have more than one meaning: pass " + list);
  }

  void refuse_pose(const LayoutFit& fit) const {
    if (fit.layout != Layout::Yolov8 || names_ || fit.classes != kPersonOfJoints - 4) return;
    if (!metadata("task").empty()) return;
    throw OptionError(
        "the output of " + file() + ", " + list_shapes() +
        ", fits a detector with 52 classes and a pose model with 17 key points, and the file does not say "
        "which it is: pass layout='yolov8' for a detector; for poses, " +
        std::string(kDecodeYourself));
  }

  void check_names(const Recognised& result) const {
    if (!names_ || result.layout == Layout::Boxes) return;
    const auto named = named_class_count();
    // DETR's class ids are COCO's, which have gaps, so it may have more ids than names.
    const bool fits = result.layout == Layout::Detr || result.layout == Layout::Rfdetr
                          ? named <= result.classes + 1
                          : named == result.classes;
    if (fits) return;
    throw OptionError("the outputs of " + file() + ", " + list_shapes() + ", fit layout '" +
                      std::string(to_string(result.layout)) + "' with " + std::to_string(result.classes) +
                      " classes, but " + std::to_string(named) +
                      (named == 1 ? " name is known: " : " names are known: ") +
                      (facts_.names ? "pass as many names" : what_to_pass() + ", with names="));
  }

  const ModelFacts& facts_;
  std::optional<std::vector<std::string>> names_;
  std::vector<LayoutFit> fits_;
  std::int64_t further_ = 0;  // values of the head
  std::string numbers_;       // text about these values, for messages
};

}  // namespace

Recognised recognise(const ModelFacts& facts) {
  return Recogniser(facts).recognise();
}

}  // namespace freshframe::inference

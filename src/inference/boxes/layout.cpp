// Recognising layouts. A shape alone decides nothing: [1, 300, 6] has two meanings, and 56 rows are 52 classes
// SPDX-License-Identifier: Apache-2.0
//
// or a person with 17 joints.
#include "inference/boxes/layout.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <system_error>
#include <utility>

namespace freshframe::inference {

// Class names as Python's literals write them: a dict of numbers or a list.

namespace {

constexpr std::size_t kMostClasses = 100'000;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool take(char wanted) {
    skip();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  std::optional<std::size_t> number() {
    skip();
    const bool quoted = at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'');  // JSON's keys
    if (quoted) ++at_;
    std::size_t value = 0;
    const auto* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc()) return std::nullopt;
    at_ += static_cast<std::size_t>(end - begin) + (quoted ? 1 : 0);
    return value;
  }

  std::optional<std::string> quoted() {
    skip();
    if (at_ >= text_.size() || (text_[at_] != '"' && text_[at_] != '\'')) return std::nullopt;
    const char quote = text_[at_++];
    std::string result;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      result += text_[at_++];
    }
    if (at_ >= text_.size()) return std::nullopt;
    ++at_;
    return result;
  }

 private:
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<std::vector<std::string>> parse_names(std::string_view text) {
  Reader reader(text);
  const bool keyed = reader.take('{');
  if (!keyed && !reader.take('[')) return std::nullopt;
  const char end = keyed ? '}' : ']';
  std::vector<std::string> names;
  while (!reader.take(end)) {
    std::size_t index = names.size();
    if (keyed) {
      const auto number = reader.number();
      if (!number || *number >= kMostClasses || !reader.take(':')) return std::nullopt;
      index = *number;
    }
    auto name = reader.quoted();
    if (!name || index >= kMostClasses) return std::nullopt;
    while (names.size() <= index) names.push_back(std::to_string(names.size()));
    names[index] = *std::move(name);
    if (!reader.take(',')) {
      if (!reader.take(end)) return std::nullopt;
      break;
    }
  }
  if (names.empty()) return std::nullopt;
  return names;
}

// The metadata says the task. Masks are also told by an output of four axes, where the classes are named, so that the
// number of weights is no guess.

namespace {

// "[17, 3]".
std::optional<std::pair<int, int>> pair_in(std::string text) {
  std::erase(text, ' ');
  const auto comma = text.find(',');
  if (text.size() < 2 || text.front() != '[' || text.back() != ']' || comma == std::string::npos)
    return std::nullopt;
  const auto number = [&](std::size_t first, std::size_t end) -> std::optional<int> {
    int value = 0;
    const auto read = std::from_chars(text.data() + first, text.data() + end, value);
    if (read.ec != std::errc() || read.ptr != text.data() + end) return std::nullopt;
    return value;
  };
  const auto first = number(1, comma);
  const auto second = number(comma + 1, text.size() - 1);
  if (!first || !second) return std::nullopt;
  return std::pair(*first, *second);
}

Head pose_of(const ModelFacts& facts) {
  const auto text = facts.metadata_text("kpt_shape");
  const auto numbers = pair_in(text).value_or(std::pair(0, 0));
  if (numbers.first < 1 || (numbers.second != 2 && numbers.second != 3)) {
    refuse_task(facts, "a model for the task 'pose' whose kpt_shape is '" + text +
                           "' and not of the form [key points, 2 or 3]");
  }
  return {.key_points = static_cast<std::size_t>(numbers.first),
          .key_point_numbers = static_cast<std::size_t>(numbers.second)};
}

bool is_grid(const TensorInfo& output) {
  return output.shape.size() == 4;
}

std::optional<std::size_t> index_of(const ModelFacts& facts, const std::string& name) {
  const auto found = std::ranges::find(facts.outputs, name, &TensorInfo::name);
  if (found == facts.outputs.end()) return std::nullopt;
  return static_cast<std::size_t>(found - facts.outputs.begin());
}

bool is_of_one_picture(const TensorInfo& output) {
  return output.shape[0] == 1 && std::ranges::all_of(output.shape, [](auto side) { return side > 0; });
}

// RF-DETR: dets, labels and masks with a row each.
std::optional<Head> masks_of_rows(const ModelFacts& facts) {
  const auto rows = index_of(facts, "dets");
  const auto masks = index_of(facts, "masks");
  if (!rows || !masks || !index_of(facts, "labels")) return std::nullopt;
  const auto& of_rows = facts.outputs[*rows].shape;
  const auto& of_masks = facts.outputs[*masks];
  const bool fits = is_grid(of_masks) && is_of_one_picture(of_masks) && of_rows.size() == 3 &&
                    of_rows[1] == of_masks.shape[1];
  return fits ? std::optional(Head{.masks = masks}) : std::nullopt;
}

// YOLO: rows or columns of boxes, and prototypes.
std::optional<Head> prototypes_of(const ModelFacts& facts) {
  const auto& outputs = facts.outputs;
  if (outputs.size() != 2 || is_grid(outputs[0]) == is_grid(outputs[1])) return std::nullopt;
  const std::size_t index = is_grid(outputs[0]) ? 0 : 1;
  if (!is_of_one_picture(outputs[index])) return std::nullopt;
  return Head{.coefficients = static_cast<std::size_t>(outputs[index].shape[1]), .masks = index};
}

Head masks_of(const ModelFacts& facts) {
  if (const auto head = masks_of_rows(facts)) return *head;
  const auto head = prototypes_of(facts);
  if (!head) {
    refuse_task(
        facts,
        "a segmentation model whose outputs are neither boxes with prototypes [1, n, height, width] nor "
        "dets, labels and masks");
  }
  const bool named = facts.names || parse_names(facts.metadata_text("names"));
  if (facts.metadata_text("task").empty() && !named) {
    refuse_task(facts,
                "a segmentation model by its output of four axes, which does not say how many classes it has "
                "(pass names=)");
  }
  return *head;
}

}  // namespace

void refuse_task(const ModelFacts& facts, const std::string& what) {
  throw OptionError("'" + facts.path + "' is " + what +
                    ", and OnnxDetector takes models that find boxes; its outputs are " +
                    to_text(facts.outputs) +
                    ": ff.OnnxModel gives the outputs as arrays, which a function can decode");
}

std::string Head::described() const {
  if (key_points > 0) return std::to_string(key_points * key_point_numbers) + " numbers of key points";
  if (coefficients > 0) return std::to_string(coefficients) + " weights of a mask";
  return turned ? "an angle" : "";
}

Head head_of(const ModelFacts& facts) {
  const auto task = facts.metadata_text("task");
  if (task == "pose") return pose_of(facts);
  if (task == "obb") return {.turned = true};
  if (task == "classify") refuse_task(facts, "a model for the task 'classify' (see ff.OnnxClassifier)");
  if (!task.empty() && task != "detect" && task != "segment")
    refuse_task(facts, "a model for the task '" + task + "'");
  const auto& outputs = facts.outputs;
  if (!facts.layout && outputs.size() == 1 && outputs[0].shape.size() == 2 && outputs[0].shape[1] > 6)
    refuse_task(facts, "a classification model by its output (see ff.OnnxClassifier)");
  const bool has_masks = task == "segment" || (!facts.layout && std::ranges::any_of(outputs, is_grid));
  return has_masks ? masks_of(facts) : Head{};
}

namespace {

constexpr std::array<std::pair<Layout, std::string_view>, 9> kNames = {{{Layout::Yolov5, "yolov5"},
                                                                        {Layout::Yolov8, "yolov8"},
                                                                        {Layout::End2end, "end2end"},
                                                                        {Layout::Rtdetr, "rtdetr"},
                                                                        {Layout::Rtdetr6, "rtdetr6"},
                                                                        {Layout::Rfdetr, "rfdetr"},
                                                                        {Layout::Detr, "detr"},
                                                                        {Layout::Boxes, "boxes"},
                                                                        {Layout::Ssd, "ssd"}}};

constexpr std::int64_t kMostRowsOfQueries = 1000;  // of models with queries instead of grids
constexpr std::int64_t kPersonOfJoints = 56;       // 4 + 1 + 17 joints of 3 numbers
constexpr int kAnchors = 3;                        // per place in YOLOv5

std::string all_names() {
  std::string text;
  for (const auto& [layout, name] : kNames) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

constexpr std::string_view kDecodeYourself =
    "ff.OnnxModel gives the outputs as arrays, which a function can decode";

/// One layout that the outputs could have.
struct LayoutFit {
  Layout layout;
  std::int64_t classes;  // 0: not known from the shapes
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
    result.head = head_of(facts_);
    further_ = static_cast<std::int64_t>(result.head.numbers());
    numbers_ = result.head.described();
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

  [[nodiscard]] std::string shown() const { return to_text(facts_.outputs); }
  [[nodiscard]] std::string file() const { return "'" + facts_.path + "'"; }

  /// The index of the output of that name.
  [[nodiscard]] std::optional<std::size_t> output(std::string_view name) const {
    const auto found = std::ranges::find(facts_.outputs, name, &TensorInfo::name);
    if (found == facts_.outputs.end()) return std::nullopt;
    return static_cast<std::size_t>(found - facts_.outputs.begin());
  }
  [[nodiscard]] const std::vector<std::int64_t>& shape(std::size_t index) const {
    return facts_.outputs[index].shape;
  }
  [[nodiscard]] bool is_rows(std::size_t index, std::int64_t width = 0) const {
    const auto& of = shape(index);
    return of.size() == 3 && of[0] == 1 && (width == 0 || of[2] == width);
  }

  // Whether there are scores of one class and of "nothing" at least.
  [[nodiscard]] bool has_scores(std::size_t index) const { return is_rows(index) && shape(index)[2] >= 2; }

  void add(Layout layout, std::int64_t classes, std::string why) {
    fits_.push_back({layout, classes, std::move(why)});
  }

  void find_fits(Recognised& result) {
    const auto boxes = output("boxes");
    const auto scores = output("scores");
    const auto predicted = output("pred_boxes");
    const auto logits = output("logits") ? output("logits") : output("pred_logits");
    if (result.head.coefficients > 0) result.boxes = result.head.masks == 0U ? 1 : 0;
    if (facts_.outputs.size() == 1 || result.head.coefficients > 0) return find_single(result.boxes);
    if (further_ > 0) return;  // no other family has them
    if (const auto dets = output("dets"), labels = output("labels"); dets && labels) {
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
      if (const auto found = output("labels")) {
        result.labels = *found;
        add(Layout::Boxes, 0, "its outputs are named boxes, scores and labels");
      } else if (is_rows(*boxes, 4) && has_scores(*scores)) {
        add(Layout::Ssd, shape(*scores)[2] - 1, "its outputs are named boxes and scores");
      }
    }
  }

  // DETR's last number is "nothing" of a softmax; models after it have a sigmoid for each class.
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
    if (!fits_.empty() || rows > kMostRowsOfQueries) return;
    if (further_ > 0) {
      if (columns == 6 + further_) {
        add(Layout::End2end, 0, "a box, confidence, class and " + numbers_);
      }
    } else if (columns == 6) {
      find_sixes();
    } else if (columns > 4 && (facts_.layout || named_class_count() == columns - 4)) {
      add(Layout::Rtdetr, columns - 4,
          std::to_string(rows) + " rows of centre, size and " + std::to_string(columns - 4) +
              " scores, as many as the file names classes");
    }
  }

  // Models with a row for each cell of some grids.
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
      const auto of = " for a grid of strides " + list + " on an input of " + std::to_string(facts_.width) +
                      "x" + std::to_string(facts_.height);
      if (columns == places && rows > 4 + further_) {
        const auto points = numbers_.empty() ? "" : ", with " + numbers_;
        add(Layout::Yolov8, rows - 4 - further_, std::to_string(columns) + " columns" + of + points);
      }
      // Rows of six belong to models of one class, or to the families below: on 160x160 both have 300 rows.
      const bool is_six = columns == 6 && named_class_count() > 1 && !facts_.layout;
      if (rows == kAnchors * places && columns > 5 && !is_six && further_ == 0) {
        add(Layout::Yolov5, columns - 5, std::to_string(rows) + " rows, three" + of);
      }
    }
  }

  // Two families write rows of six numbers.
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
    return "pass layout= one of " + all_names() + "; or " + std::string(kDecodeYourself);
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
                        "' does not fit the outputs of " + file() + ", " + shown() + ", for " + input() +
                        "; " +
                        (fitting.empty() ? "no layout does: " + std::string(kDecodeYourself)
                                         : "layouts that fit: " + fitting));
    }
    if (fits_.empty()) {
      throw OptionError("cannot tell what the outputs of " + file() + " mean, " + shown() + ", for " +
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
    throw OptionError("the outputs of " + file() + ", " + shown() + ", have more than one meaning: pass " +
                      list);
  }

  void refuse_pose(const LayoutFit& fit) const {
    if (fit.layout != Layout::Yolov8 || names_ || fit.classes != kPersonOfJoints - 4) return;
    if (!metadata("task").empty()) return;
    throw OptionError(
        "the output of " + file() + ", " + shown() +
        ", has 52 classes, or it is of a pose model with 17 joints, and the file does not say which: "
        "pass layout='yolov8' for a detector; for poses " +
        std::string(kDecodeYourself));
  }

  void check_names(const Recognised& result) const {
    if (!names_ || result.layout == Layout::Boxes) return;
    const auto named = named_class_count();
    // DETR counts the numbers of COCO's classes, which have gaps: its names may be fewer.
    const bool fits = result.layout == Layout::Detr || result.layout == Layout::Rfdetr
                          ? named <= result.classes + 1
                          : named == result.classes;
    if (fits) return;
    throw OptionError("the outputs of " + file() + ", " + shown() + ", would be layout '" +
                      std::string(to_string(result.layout)) + "' with " + std::to_string(result.classes) +
                      " classes, but " + std::to_string(named) + " are named: " +
                      (facts_.names ? "pass as many names" : what_to_pass() + ", with names="));
  }

  const ModelFacts& facts_;
  std::optional<std::vector<std::string>> names_;
  std::vector<LayoutFit> fits_;
  std::int64_t further_ = 0;  // numbers of the head
  std::string numbers_;       // in words
};

}  // namespace

std::string ModelFacts::metadata_text(const std::string& key) const {
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : found->second;
}

std::string_view to_string(Layout layout) noexcept {
  return std::ranges::find(kNames, layout, &std::pair<Layout, std::string_view>::first)->second;
}

Layout layout_of(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name, &std::pair<Layout, std::string_view>::second);
  if (found == kNames.end()) {
    throw OptionError("layout must be one of " + all_names() + ", got '" + std::string(name) + "'");
  }
  return found->first;
}

Recognised recognise(const ModelFacts& facts) {
  return Recogniser(facts).recognise();
}

}  // namespace freshframe::inference

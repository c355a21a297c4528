// Recognizes heads. The metadata names the task. Masks are also recognized without it, by an output with four
// axes, if class names are known, so that the number of mask weights need not be guessed.
// SPDX-License-Identifier: Apache-2.0
#include "inference/boxes/heads.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "inference/boxes/names.hpp"

namespace freshframe::inference {
namespace {

// Throws OptionError: the file is `what`, not a detector.
[[noreturn]] void refuse_task(const ModelFacts& facts, const std::string& what) {
  throw OptionError("'" + facts.path + "' is " + what +
                    ", but OnnxDetector needs a model that finds boxes; its outputs are " +
                    to_text(facts.outputs) + ": " + std::string(kDecodeYourself));
}

// Parses "[17, 3]".
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

Head recognise_pose(const ModelFacts& facts) {
  const auto text = facts.metadata_text("kpt_shape");
  const auto numbers = pair_in(text).value_or(std::pair(0, 0));
  if (numbers.first < 1 || (numbers.second != 2 && numbers.second != 3)) {
    refuse_task(facts, "a model for the task 'pose' whose kpt_shape is '" + text +
                           "', not [number of key points, 2 or 3]");
  }
  return {.key_points = static_cast<std::size_t>(numbers.first),
          .key_point_numbers = static_cast<std::size_t>(numbers.second)};
}

bool is_grid(const TensorInfo& output) {
  return output.shape.size() == 4;
}

bool is_single_picture(const TensorInfo& output) {
  return output.shape[0] == 1 && std::ranges::all_of(output.shape, [](auto side) { return side > 0; });
}

// RF-DETR: the outputs dets, labels and masks have one row per query.
std::optional<Head> recognise_row_masks(const ModelFacts& facts) {
  const auto rows = facts.output("dets");
  const auto masks = facts.output("masks");
  if (!rows || !masks || !facts.output("labels")) return std::nullopt;
  const auto& of_rows = facts.outputs[*rows].shape;
  const auto& of_masks = facts.outputs[*masks];
  const bool fits = is_grid(of_masks) && is_single_picture(of_masks) && of_rows.size() == 3 &&
                    of_rows[1] == of_masks.shape[1];
  return fits ? std::optional(Head{.masks = masks}) : std::nullopt;
}

// YOLO: boxes as rows or columns, and an output of mask prototypes.
std::optional<Head> recognise_prototypes(const ModelFacts& facts) {
  const auto& outputs = facts.outputs;
  if (outputs.size() != 2 || is_grid(outputs[0]) == is_grid(outputs[1])) return std::nullopt;
  const std::size_t index = is_grid(outputs[0]) ? 0 : 1;
  if (!is_single_picture(outputs[index])) return std::nullopt;
  return Head{.coefficients = static_cast<std::size_t>(outputs[index].shape[1]), .masks = index};
}

Head recognise_mask_head(const ModelFacts& facts) {
  if (const auto head = recognise_row_masks(facts)) return *head;
  const auto head = recognise_prototypes(facts);
  if (!head) {
    refuse_task(
        facts,
        "a segmentation model whose outputs are neither boxes with prototypes [1, n, height, width] nor "
        "dets, labels and masks");
  }
  const bool named = facts.names || parse_names(facts.metadata_text("names"));
  if (facts.metadata_text("task").empty() && !named) {
    refuse_task(
        facts,
        "a segmentation model, as its output of four axes shows, and does not say how many classes it has "
        "(pass names=)");
  }
  return *head;
}

}  // namespace

std::string Head::describe() const {
  if (key_points > 0) return std::to_string(key_points * key_point_numbers) + " numbers of key points";
  if (coefficients > 0) return std::to_string(coefficients) + " weights of a mask";
  return turned ? "an angle" : "";
}

Head recognise_head(const ModelFacts& facts) {
  const auto task = facts.metadata_text("task");
  if (task == "pose") return recognise_pose(facts);
  if (task == "obb") return {.turned = true};
  if (task == "classify") refuse_task(facts, "a model for the task 'classify' (see ff.OnnxClassifier)");
  if (!task.empty() && task != "detect" && task != "segment")
    refuse_task(facts, "a model for the task '" + task + "'");
  const auto& outputs = facts.outputs;
  if (!facts.layout && outputs.size() == 1 && outputs[0].shape.size() == 2 && outputs[0].shape[1] > 6)
    refuse_task(facts, "a classification model, as its output shows (see ff.OnnxClassifier)");
  const bool has_masks = task == "segment" || (!facts.layout && std::ranges::any_of(outputs, is_grid));
  return has_masks ? recognise_mask_head(facts) : Head{};
}

}  // namespace freshframe::inference

// The layouts of detector outputs: their names, and the preprocessing that each one needs.
// SPDX-License-Identifier: Apache-2.0
#include "inference/boxes/layout.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace freshframe::inference {
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

}  // namespace

std::string_view to_string(Layout layout) noexcept {
  return std::ranges::find(kNames, layout, &std::pair<Layout, std::string_view>::first)->second;
}

std::string layout_names() {
  std::string text;
  for (const auto& [layout, name] : kNames) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

Layout parse_layout(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name, &std::pair<Layout, std::string_view>::second);
  if (found == kNames.end()) {
    throw OptionError("layout must be one of " + layout_names() + ", got '" + std::string(name) + "'");
  }
  return found->first;
}

bool needs_suppression(Layout layout) noexcept {
  switch (layout) {
    case Layout::Yolov5:
    case Layout::Yolov8:
    case Layout::Ssd:
      return true;
    case Layout::End2end:
    case Layout::Rtdetr:
    case Layout::Rtdetr6:
    case Layout::Rfdetr:
    case Layout::Detr:
    case Layout::Boxes:
      break;
  }
  return false;
}

void apply_to(InputForm& form, Layout layout) {
  switch (layout) {
    case Layout::Rfdetr:
    case Layout::Detr:  // ImageNet mean and deviation
      form.mean = {0.485F, 0.456F, 0.406F};
      form.deviation = {0.229F, 0.224F, 0.225F};
      form.fit = Fit::Stretch;
      break;
    case Layout::Rtdetr:
    case Layout::Rtdetr6:
      form.fit = Fit::Stretch;
      break;
    case Layout::Ssd:  // (level - 127) / 128
      form.mean = {127 / 255.0F, 127 / 255.0F, 127 / 255.0F};
      form.deviation = {128 / 255.0F, 128 / 255.0F, 128 / 255.0F};
      form.fit = Fit::Stretch;
      break;
    case Layout::Yolov5:
    case Layout::Yolov8:
    case Layout::End2end:
    case Layout::Boxes:
      break;
  }
}

}  // namespace freshframe::inference

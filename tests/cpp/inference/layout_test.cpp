// Which layouts are recognised, from the properties of real exports, and which are rejected.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "inference/boxes/model_facts.hpp"
#include "inference/boxes/names.hpp"
#include "inference/boxes/recognise.hpp"
#include <gtest/gtest.h>

namespace freshframe::inference {
namespace {

using Metadata = std::map<std::string, std::string>;
using Outputs = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;

ModelFacts facts(int side, const Outputs& outputs, Metadata metadata = {}) {
  ModelFacts result{.path = "model.onnx", .width = side, .height = side};
  for (const auto& [name, shape] : outputs) {
    result.outputs.push_back({name, ort::Element::Float, shape, std::vector<std::string>(shape.size())});
  }
  result.metadata = std::move(metadata);
  return result;
}

Metadata names(int count, Metadata more = {}) {
  std::string text = "{";
  for (int i = 0; i < count; ++i) text += std::to_string(i) + ": 'c" + std::to_string(i) + "', ";
  more["names"] = text + "}";
  return more;
}

void expect(const ModelFacts& given, Layout layout, int classes) {
  SCOPED_TRACE(to_text(given.outputs));
  const auto found = recognise(given);
  EXPECT_EQ(to_string(found.layout), to_string(layout));
  EXPECT_EQ(found.classes, classes);
  EXPECT_FALSE(found.why.empty());
}

std::string refusal(const ModelFacts& given) {
  try {
    const auto found = recognise(given);
    return "recognised as " + std::string(to_string(found.layout));
  } catch (const OptionError& error) {
    return error.what();
  }
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Layout, YoloIsRecognisedByTheGridOfItsStrides) {
  expect(facts(640, {{"output", {1, 25200, 85}}}), Layout::Yolov5, 80);
  expect(facts(640, {{"output0", {1, 25200, 6}}}), Layout::Yolov5, 1);
  expect(facts(640, {{"output0", {1, 84, 8400}}}, names(80)), Layout::Yolov8, 80);
  expect(facts(320, {{"output0", {1, 84, 2100}}}), Layout::Yolov8, 80);
  expect(facts(160, {{"output0", {1, 7, 400}}}, names(3)), Layout::Yolov8, 3);
}

TEST(Layout, RowsOfSixNumbersAreRecognisedOnlyByTheMetadata) {
  // A YOLOv5 model with one class and one grid has as many rows for an input of 160x160.
  expect(facts(160, {{"output0", {1, 300, 6}}}, names(80, {{"head", "RTDETRDecoder"}})), Layout::Rtdetr6, 80);
  const Outputs sixes = {{"output0", {1, 300, 6}}};
  expect(facts(640, sixes, names(80, {{"head", "Detect"}})), Layout::End2end, 80);
  expect(facts(640, sixes, names(80, {{"args", "{'batch': 1, 'nms': True}"}})), Layout::End2end, 80);
  expect(facts(640, sixes, names(80, {{"description", "Ultralytics YOLOv10n model"}})), Layout::End2end, 80);
  expect(facts(640, sixes, names(80, {{"head", "RTDETRDecoder"}})), Layout::Rtdetr6, 80);
  expect(facts(640, sixes, names(80, {{"description", "Ultralytics RT-DETR-l model"}})), Layout::Rtdetr6, 80);
  const auto text = refusal(facts(640, sixes));
  EXPECT_TRUE(has(text, "output0 [1, 300, 6]")) << text;
  EXPECT_TRUE(has(text, "layout='end2end'") && has(text, "layout='rtdetr6'") && has(text, "layout='rtdetr'"))
      << text;
}

TEST(Layout, TransformersAreRecognisedByNames) {
  expect(facts(640, {{"output0", {1, 300, 84}}}, names(80)), Layout::Rtdetr, 80);
  expect(facts(640, {{"dets", {1, 300, 4}}, {"labels", {1, 300, 4}}}), Layout::Rfdetr, 3);
  expect(facts(640, {{"logits", {1, 100, 92}}, {"pred_boxes", {1, 100, 4}}}, names(91)), Layout::Detr, 91);
  expect(facts(640, {{"logits", {1, 300, 80}}, {"pred_boxes", {1, 300, 4}}}, names(80)), Layout::Rfdetr, 80);
  EXPECT_TRUE(has(refusal(facts(640, {{"logits", {1, 300, 80}}, {"pred_boxes", {1, 300, 4}}})),
                  "more than one meaning"));
}

TEST(Layout, OutputsOfBoxesAndScoresAreRecognisedByNames) {
  expect(facts(320, {{"boxes", {7, 4}}, {"labels", {7}}, {"scores", {7}}}), Layout::Boxes, 0);
  expect(facts(300, {{"scores", {1, 3000, 21}}, {"boxes", {1, 3000, 4}}}), Layout::Ssd, 20);
}

TEST(Layout, ShapesThatMeanSomethingElseAreRefused) {
  const auto without_names = refusal(facts(640, {{"output0", {1, 300, 84}}}));
  EXPECT_TRUE(has(without_names, "layout=")) << without_names;
  EXPECT_TRUE(has(refusal(facts(640, {{"output", {1, 8400, 85}}})), "output [1, 8400, 85]"));
  const auto no_class = refusal(facts(300, {{"scores", {1, 3000, 1}}, {"boxes", {1, 3000, 4}}}));
  EXPECT_TRUE(has(no_class, "scores [1, 3000, 1]")) << no_class;
  const auto pose = refusal(facts(640, {{"output0", {1, 56, 8400}}}, names(1, {{"task", "pose"}})));
  EXPECT_TRUE(has(pose, "'pose'") && has(pose, "OnnxModel")) << pose;
  const auto unnamed_pose = refusal(facts(640, {{"output0", {1, 56, 8400}}}, names(1)));
  EXPECT_TRUE(has(unnamed_pose, "52 classes, but 1 name is known")) << unnamed_pose;
  EXPECT_TRUE(has(refusal(facts(640, {{"output0", {1, 56, 8400}}})), "pose")) << unnamed_pose;
  const auto masks = refusal(facts(640, {{"output0", {1, 116, 8400}}, {"output1", {1, 32, 160, 160}}}));
  EXPECT_TRUE(has(masks, "segmentation") && has(masks, "OnnxModel")) << masks;
  const auto classes = refusal(facts(640, {{"output0", {1, 1000}}}));
  EXPECT_TRUE(has(classes, "classification") && has(classes, "OnnxModel")) << classes;
}

TEST(Layout, AnExplicitLayoutIsUsedIfItFits) {
  auto given = facts(640, {{"output0", {1, 300, 6}}});
  given.layout = Layout::Rtdetr6;
  expect(given, Layout::Rtdetr6, 0);
  given.layout = Layout::Yolov8;
  EXPECT_TRUE(has(refusal(given), "layout='yolov8' does not fit"));
  auto named = facts(640, {{"output0", {1, 56, 8400}}});
  named.names = std::vector<std::string>(52, "thing");
  expect(named, Layout::Yolov8, 52);
  EXPECT_THROW((void)parse_layout("yolo"), OptionError);
}

TEST(Layout, AnExplicitLayoutIsBelievedForEveryGrid) {
  auto given = facts(320, {{"output0", {1, 5, 5175}}});  // strides 8, 16 and 32 would give 2100 boxes
  EXPECT_TRUE(has(refusal(given), "pass layout= one of"));
  given.layout = Layout::Yolov8;
  expect(given, Layout::Yolov8, 1);
  given.layout = Layout::End2end;
  const auto refused = refusal(given);
  EXPECT_TRUE(has(refused, "layout='end2end' does not fit") && !has(refused, "rtdetr")) << refused;
  auto rows = facts(320, {{"output0", {1, 5175, 7}}});
  rows.layout = Layout::Yolov5;
  expect(rows, Layout::Yolov5, 2);
  auto queries = facts(640, {{"output0", {1, 300, 84}}});
  queries.layout = Layout::Rtdetr;
  expect(queries, Layout::Rtdetr, 80);
  queries.layout = Layout::Yolov8;
  EXPECT_TRUE(has(refusal(queries), "layouts that fit: rtdetr"));
}

TEST(ClassNames, AreReadAsPythonWritesThem) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(parse_names("{0: 'person', 1: \"it's\"}"), (Names{"person", "it's"}));
  EXPECT_EQ(parse_names(R"({"0": "a", "2": "c"})"), (Names{"a", "1", "c"}));
  EXPECT_EQ(parse_names("['a', 'b\\'c',]"), (Names{"a", "b'c"}));
  EXPECT_EQ(parse_names("{0: 'a'\r\n,\t1: 'b'}"), (Names{"a", "b"}));
  for (const char* text : {"", "{", "{}", "{\"0: 'a'}", "{\"0': 'a'}", "{0: person}", "{0: 'a'",
                           "{99999999: 'a'}", "{-1: 'a'}", "[1]", "{0 'a'}"})
    EXPECT_EQ(parse_names(text), std::nullopt) << text;
}

TEST(ClassNames, HaveTheirEscapesAndAreUtf8) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(parse_names(R"({"0": "caf\u00e9", "1": "a\/b\\\n\"", "2": "\ud83d\ude00"})"),
            (Names{"caf\u00E9", "a/b\\\n\"", "\U0001F600"}));
  EXPECT_EQ(parse_names(R"({0: 'caf\xe9', 1: '\U0001f600', 2: '\t\''})"),
            (Names{"caf\u00E9", "\U0001F600", "\t'"}));
  // Unpaired surrogates, a NUL, an incomplete escape, and Latin-1.
  EXPECT_EQ(parse_names(R"(["\ud83d!", "\udc00", "a\u0000b", "\u12"])"),
            (Names{"\uFFFD!", "\uFFFD", "a\uFFFDb", "u12"}));
  EXPECT_EQ(parse_names("['caf\xE9']"), (Names{"caf\uFFFD"}));
}

}  // namespace
}  // namespace freshframe::inference

// From outputs to boxes: each layout, suppression, and the conversion to coordinates of the image.
// SPDX-License-Identifier: Apache-2.0
#include "inference/boxes/decode.hpp"

#include "freshframe/error.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "cpp/simd_targets.hpp"
#include "inference/boxes/best_classes.hpp"
#include "inference/boxes/in_picture.hpp"
#include "inference/boxes/suppression.hpp"
#include <gtest/gtest.h>

namespace freshframe::inference {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

struct Output {
  std::vector<float> numbers;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> integers = {};
};

std::vector<Detection> decoded(const Recognised& how, const std::vector<Output>& outputs,
                               const DecodeOptions& options = {}) {
  std::vector<OutputView> views;
  for (const auto& output : outputs) views.push_back({output.numbers, output.integers, output.shape});
  const auto found = candidates(how, views, {.width = 100, .height = 200}, options);
  return {found.begin(), found.end()};
}

void expect_box(const Detection& box, float x1, float y1, float x2, float y2, float confidence, int id) {
  EXPECT_FLOAT_EQ(box.x1, x1);
  EXPECT_FLOAT_EQ(box.y1, y1);
  EXPECT_FLOAT_EQ(box.x2, x2);
  EXPECT_FLOAT_EQ(box.y2, y2);
  EXPECT_NEAR(box.confidence, confidence, 1e-6);
  EXPECT_EQ(box.class_id, id);
}

TEST(Decode, Yolov8HasOneColumnPerBox) {
  // Two places: a confident box of class 1, and one below the threshold.
  const Output output{{50, 1, 60, 1, 20, 1, 10, 1, 0.1F, 0.1F, 0.9F, 0.2F}, {1, 6, 2}};
  const auto boxes = decoded({Layout::Yolov8, 2}, {output});
  ASSERT_EQ(boxes.size(), 1U);
  expect_box(boxes[0], 40, 55, 60, 65, 0.9F, 1);
}

TEST(Decode, Yolov5MultipliesByObjectness) {
  const Output output{{50, 60, 20, 10, 0.5F, 0.2F, 0.8F, 50, 60, 20, 10, 0.2F, 1, 1}, {1, 2, 7}};
  const auto boxes = decoded({Layout::Yolov5, 2}, {output});
  ASSERT_EQ(boxes.size(), 1U);
  expect_box(boxes[0], 40, 55, 60, 65, 0.4F, 1);
}

TEST(Decode, TheTwoMeaningsOfSixNumbers) {
  const Output pixels{{10, 20, 30, 50, 0.8F, 3, 0, 0, 0, 0, 0, 0}, {1, 2, 6}};
  expect_box(decoded({Layout::End2end, 80}, {pixels}).at(0), 10, 20, 30, 50, 0.8F, 3);
  const Output shares{{0.5F, 0.5F, 0.2F, 0.1F, 0.8F, 3}, {1, 1, 6}};
  expect_box(decoded({Layout::Rtdetr6, 80}, {shares}).at(0), 40, 90, 60, 110, 0.8F, 3);
}

TEST(Decode, TransformersScoreTheirQueries) {
  const Output boxes{{0.5F, 0.5F, 0.2F, 0.1F}, {1, 1, 4}};
  const Output both{{0.5F, 0.5F, 0.2F, 0.1F, 0.1F, 0.7F}, {1, 1, 6}};
  expect_box(decoded({Layout::Rtdetr, 2}, {both}).at(0), 40, 90, 60, 110, 0.7F, 1);
  const Output logits{{-3, 2, 9}, {1, 1, 3}};  // the last one is not a class
  expect_box(decoded({Layout::Rfdetr, 2, {}, "", 0, 1}, {boxes, logits}).at(0), 40, 90, 60, 110,
             1 / (1 + std::exp(-2.0F)), 1);
  const Output nothing{{-3, 2, 9}, {1, 1, 3}};
  EXPECT_TRUE(decoded({Layout::Detr, 2, {}, "", 0, 1}, {boxes, nothing}).empty());
  const Output thing{{-3, 9, 2}, {1, 1, 3}};
  EXPECT_EQ(decoded({Layout::Detr, 2, {}, "", 0, 1}, {boxes, thing}).at(0).class_id, 1);
}

TEST(Decode, BoxesWithScoresOfTheirOwn) {
  const Output boxes{{10, 20, 30, 50}, {1, 4}};
  const Output scores{{0.8F}, {1}};
  const Output labels{{}, {1}, {7}};
  expect_box(decoded({Layout::Boxes, 0, {}, "", 0, 1, 2}, {boxes, scores, labels}).at(0), 10, 20, 30, 50,
             0.8F, 7);
  const Output corners{{0.1F, 0.1F, 0.3F, 0.25F}, {1, 1, 4}};
  const Output classes{{0.1F, 0.2F, 0.7F}, {1, 1, 3}};  // the first one means "background"
  expect_box(decoded({Layout::Ssd, 2, {}, "", 0, 1}, {corners, classes}).at(0), 10, 20, 30, 50, 0.7F, 1);
}

TEST(Decode, InvalidNumbersMakeNoBoxes) {
  const Output output{
      {kNone, 20, 30, 50, 0.8F, 3, 10, 20, 30,       50, kNone, 3, 10, 20, 30, 50, 0.8F, kNone,
       30,    20, 10, 50, 0.8F, 3, 10, 20, INFINITY, 50, 0.8F,  3, 1,  1,  2,  2,  0.8F, -5},
      {1, 6, 6}};
  EXPECT_TRUE(decoded({Layout::End2end, 80}, {output}).empty());
}

TEST(BestClasses, AreThoseOfAPlainSearchOnEveryInstructionSet) {
  unsigned state = 1;
  for (const auto& [classes, count] : std::vector<std::pair<std::size_t, std::size_t>>{
           {1, 1}, {2, 15}, {4, 16}, {5, 33}, {6, 64}, {80, 101}, {9, 0}}) {
    std::vector<float> scores(classes * count);
    for (auto& score : scores) {
      state = state * 1664525U + 1013904223U;
      score = static_cast<float>(state >> 28U) / 16;  // 16 levels, so that many are equal
      if (score == 0) score = kNone;
    }
    for (std::size_t i = 0; i < count; ++i) scores[i] = 0.25F;
    for (const auto target : test::simd_targets()) {
      SCOPED_TRACE(std::to_string(classes) + " of " + std::to_string(count) + " " + hwy::TargetName(target));
      const test::OnlyTarget only(target);
      const auto best = best_classes(scores.data(), classes, count);
      ASSERT_EQ(best.scores.size(), count);
      for (std::size_t i = 0; i < count; ++i) {
        std::size_t first = 0;
        for (std::size_t id = 1; id < classes; ++id) {
          if (scores[id * count + i] > scores[first * count + i]) first = id;
        }
        EXPECT_EQ(best.classes[i], static_cast<std::int32_t>(first));
        EXPECT_EQ(best.scores[i], scores[first * count + i]);
      }
    }
  }
}

TEST(Decode, OnlyWantedClassesAreGiven) {
  const Output output{{10, 20, 30, 50, 0.8F, 3, 10, 20, 30, 50, 0.7F, 1}, {1, 2, 6}};
  const auto boxes = decoded({Layout::End2end, 80}, {output}, {.wanted = {false, true}});
  ASSERT_EQ(boxes.size(), 1U);
  EXPECT_EQ(boxes[0].class_id, 1);
}

TEST(Decode, AnotherShapeThanBeforeIsAnError) {
  EXPECT_THROW((void)decoded({Layout::Yolov8, 2}, {{{1, 2, 3}, {1, 3, 1}}}), Error);
  EXPECT_THROW((void)decoded({Layout::Yolov5, 2}, {{{}, {1, 2, 7}}}), Error);
  EXPECT_THROW((void)decoded({Layout::Ssd, 2, {}, "", 0, 1}, {{{1, 1, 1, 1}, {1, 1, 4}}}), Error);
  EXPECT_THROW((void)decoded({Layout::End2end, 2}, {{std::vector<float>(12), {2, 1, 6}}}), Error);
}

TEST(Suppression, KeepsTheSurestOfEachClass) {
  const std::vector<Candidate> boxes = {{{0, 0, 10, 10, 0.6F, 0}},
                                        {{1, 0, 11, 10, 0.9F, 0}},
                                        {{0, 0, 10, 10, 0.5F, 1}},
                                        {{20, 0, 30, 10, 0.7F, 0}}};
  const auto kept = suppress(boxes, 0.45F);
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_FLOAT_EQ(kept[0].confidence, 0.9F);
  EXPECT_FLOAT_EQ(kept[1].confidence, 0.7F);
  EXPECT_EQ(kept[2].class_id, 1);
  EXPECT_EQ(suppress(boxes, 0.99F).size(), 4U);
}

TEST(Suppression, AgnosticKeepsTheSurestOfAllClasses) {
  const std::vector<Candidate> boxes = {{{0, 0, 10, 10, 0.6F, 0}},
                                        {{1, 0, 11, 10, 0.9F, 1}},
                                        {{0, 0, 10, 10, 0.5F, 2}},
                                        {{20, 0, 30, 10, 0.7F, 0}}};
  for (auto* const function : {&suppress, &suppress_turned}) {
    const auto kept = function(boxes, 0.45F, true);
    ASSERT_EQ(kept.size(), 2U);
    EXPECT_EQ(kept[0].class_id, 1);
    EXPECT_FLOAT_EQ(kept[1].confidence, 0.7F);
    EXPECT_EQ(function(boxes, 0.45F, false).size(), 4U);
  }
}

TEST(Suppression, OfEqualsTheFirstStays) {
  const std::vector<Candidate> boxes = {{{2, 0, 12, 10, 0.5F, 0}}, {{0, 0, 10, 10, 0.5F, 0}}};
  EXPECT_FLOAT_EQ(suppress(boxes, 0.45F).at(0).x1, 2);
}

TEST(Suppression, GivesABoundedNumber) {
  std::vector<Candidate> boxes;
  for (int i = 0; i < 1000; ++i) {
    const auto at = static_cast<float>(20 * i);
    boxes.push_back({{at, 0, at + 10, 10, 0.5F, 0}});
  }
  EXPECT_EQ(suppress(boxes, 0.45F).size(), kMostBoxes);
}

TEST(BoxesInPicture, ComeBackThroughTheLetterboxAndAreClipped) {
  const InputForm form{.width = 100, .height = 100};
  const auto placement = place(200, 100, form);  // half the size, with a bar of 25 pixels at the top
  EXPECT_EQ(placement.top, 25);
  const std::vector<float> numbers = {10, 30,   30, 50, 0.8F, 0,  -20, 0,    500,
                                      90, 0.7F, 1,  0,  0,    90, 20,  0.6F, 2};
  const std::vector<std::int64_t> shape = {1, 3, 6};
  const std::vector<OutputView> outputs = {{numbers, {}, shape}};
  const auto where = PicturePlace::whole(form, placement);
  const auto boxes = decoded_in_picture({Layout::End2end, 3}, outputs, where, {}).boxes;
  ASSERT_EQ(boxes.size(), 2U);  // the third lies in the bar
  expect_box(boxes[0], 20, 10, 60, 50, 0.8F, 0);
  expect_box(boxes[1], 0, 0, 200, 100, 0.7F, 1);
}

}  // namespace
}  // namespace freshframe::inference

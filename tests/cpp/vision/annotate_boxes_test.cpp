// Annotate with boxes and counts: NaN and infinity, strings of arbitrary bytes, connections.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cpp/support.hpp"
#include "cpp/vision/drawn.hpp"
#include "vision/draw/shapes.hpp"
#include "vision/draw/text/label.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

Detections box(const Detection& box, std::string name = "dog") {
  return {
      .boxes = {box},
      .names = std::make_shared<const std::vector<std::string>>(std::vector<std::string>{std::move(name)})};
}

TEST(Annotate, DrawsBoxesThatArePartlyOutsideAndSkipsInvalidOnes) {
  const Frame frame = picture(120, 90);
  Drawing drawing;
  EXPECT_GT(differences(frame, drawing.drawn(frame, box({-20, -20, 30, 30, 0.5F, 0}))), 50);
  for (const float wrong : {kNan, kInfinity, -kInfinity, 1e9F}) {
    EXPECT_EQ(differences(frame, drawing.drawn(frame, box({10, 10, wrong, 40, 0.5F, 0}))), 0) << wrong;
    EXPECT_EQ(differences(frame, drawing.drawn(frame, box({wrong, 10, 40, 40, 0.5F, 0}))), 0) << wrong;
  }
  EXPECT_EQ(differences(frame, drawing.drawn(frame, box({40, 40, 10, 10, 0.5F, 0}))), 0);
  EXPECT_GT(differences(frame, drawing.drawn(frame, box({10, 10, 40, 40, kNan, -2147483647 - 1}))), 50);
}

TEST(Annotate, IsSafeWithCountsOfAnyNumbers) {
  const Frame frame = picture(64, 48);
  Drawing drawing;
  for (const float wrong : {kNan, kInfinity, 1e30F, -1e9F, 0.0F}) {
    LineCounts line;
    line.start = {wrong, 3};
    line.end = {wrong, 3};
    EXPECT_TRUE(drawing.drawn(frame, line));
    EXPECT_TRUE(drawing.drawn(frame, Zones{.zones = {{"a", {.corners = {{wrong, 1}, {2, wrong}, {9, 9}}}}}}));
  }
  EXPECT_TRUE(drawing.drawn(frame, Zones{.zones = {{"a", {}}}}));
}

TEST(Annotate, ReportsInvalidBoxes) {
  auto uneven = box({1, 1, 9, 9, 1, 0});
  uneven.ids = {1, 2};
  Drawing drawing;
  EXPECT_TRUE(test::contains(test::message_of<Error>([&] { drawing.drawn(picture(16, 16), uneven); }),
                             "got 2 ids for 1 boxes"));
  EXPECT_THROW(drawing.drawn(picture(16, 16), 5.0), GraphError);
}

TEST(Annotate, BlursOnlyBoxes) {
  Drawing blurring({.blur = {"dog"}});
  EXPECT_TRUE(blurring.drawn(picture(32, 32), box({4, 4, 20, 20, 1, 0})));
  const auto circles = test::message_of<Error>([&] { blurring(picture(16, 16), one({8, 8, 4, 1})); });
  EXPECT_TRUE(test::contains(circles, "circles have none: leave blur out, or pass Detections")) << circles;
  const auto number = test::message_of<GraphError>([&] { blurring.drawn(picture(16, 16), 5.0); });
  EXPECT_TRUE(test::contains(number, "but its parent returned float")) << number;
}

TEST(Annotate, TakesPortsOfBoxesAndOfCounts) {
  test::CheckedPipeline pipeline;
  const auto source = pipeline.add(test::make_source<Detections>(
      {.read = [n = 0](const Context& context) mutable -> std::optional<SourceItem<Detections>> {
        if (n == 3) return std::nullopt;
        return SourceItem<Detections>{
            .value = box({0, 0, 9, 9, 1, 0}), .pts = 0.1 * n++, .captured = context.clock.now()};
      }}));
  const auto tracks = pipeline.add(std::make_unique<BoxTracker>(), source);
  const auto counts =
      pipeline.add(std::make_unique<LineCounter>(LineCounterOptions{.start = {0, 0}, .end = {9, 9}}), tracks);
  const Port<Frame> drawn = pipeline.add(std::make_unique<Annotate>(), counts);
  EXPECT_GE(drawn.node, 0);
  const AnyPort parents[] = {drawn.any()};
  EXPECT_TRUE(test::contains(
      test::message_of<GraphError>([&] { pipeline.add_any(std::make_unique<Annotate>(), parents, {}); }),
      "takes Circles or Detections or LineCounts or Zones, but its parent 'Annotate' returns Frame"));
}

TEST(Letters, AreTheFontsOwnOrABox) {
  using vision::drawable_text;
  EXPECT_EQ(drawable_text("dog 0.5", 99), "dog 0.5");
  EXPECT_EQ(drawable_text("Türstraße Łódź ÆŒĲ", 99), "Turstrasse Lodz AEOEIJ");
  EXPECT_EQ(drawable_text("Zu\u0308rich", 99), "Zurich");  // a combining accent
  EXPECT_EQ(drawable_text("犬 \U0001F600", 99), "\x7f \x7f");
  EXPECT_EQ(drawable_text("\xff\xc3(\xe4\xbd", 99), "\x7f\x7f(\x7f");
  EXPECT_EQ(drawable_text("\n\t", 99), "  ");
  EXPECT_EQ(drawable_text("abcdefgh", 8), "abcdefgh");
  EXPECT_EQ(drawable_text("abcdefghi", 8), "abcde...");
  EXPECT_EQ(drawable_text("abc", 2), "..");
}

TEST(Annotate, ASquareOfMillionsOfPixelsHasTheirMeanColour) {
  constexpr int kSide = 9000;  // a third of this, squared and times 255, overflows an int
  std::vector<std::uint8_t> row(kSide, 255);
  MutablePicture white({.width = kSide, .height = kSide, .format = PixelFormat::Gray});
  white.planes[0] = {
      .data = row.data(), .rows = kSide, .row_bytes = kSide, .stride = 0};  // all rows share one row's memory
  vision::pixelate(white, {0, 0, kSide, kSide}, nullptr);
  EXPECT_EQ(row, std::vector<std::uint8_t>(kSide, 255));
}

}  // namespace
}  // namespace freshframe

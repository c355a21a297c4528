// Annotate: changed pixels, unchanged pixels, and rejected input.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <cmath>
#include <cstddef>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/support.hpp"
#include "cpp/vision/drawn.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

TEST(Annotate, ChangesTheRimOfACircleAndNothingElse) {
  // A size that is a multiple neither of the tile size nor of four pixels.
  const Frame frame = picture(203, 151);
  const Circle circle{.x = 101.3F, .y = 70.8F, .r = 40.5F, .confidence = 0.9F};
  const Frame drawn = Drawing()(frame, one(circle));
  EXPECT_GT(differences(frame, drawn, near_rim(circle, 3.5)), 250);
  for (int degree = 0; degree < 360; ++degree) {
    const double angle = degree * 0.0174533;
    const int x = static_cast<int>(std::lround(circle.x + circle.r * std::cos(angle)));
    const int y = static_cast<int>(std::lround(circle.y + circle.r * std::sin(angle)));
    EXPECT_FALSE(same(frame, drawn, x, y)) << degree;
  }
}

TEST(Annotate, DrawsTheRingCentredOnTheCircle) {
  FrameBuilder builder({.width = 160, .height = 160, .format = PixelFormat::Bgr});
  for (int y = 0; y < 160; ++y) std::memset(builder.plane(0) + y * builder.stride(0), 0, 480);
  const Frame black = std::move(builder).publish();
  const Frame drawn = Drawing()(black, one({.x = 80.25F, .y = 79, .r = 50.5F, .confidence = 1}));
  double x_sum = 0;
  double y_sum = 0;
  double r_sum = 0;
  double weight = 0;
  for (int y = 0; y < 160; ++y) {
    for (int x = 0; x < 160; ++x) {
      const double value = pixel(drawn, x, y)[1];
      x_sum += value * x;
      y_sum += value * y;
      r_sum += value * std::hypot(x - 80.25, y - 79.0);
      weight += value;
    }
  }
  EXPECT_NEAR(x_sum / weight, 80.25, 0.1);
  EXPECT_NEAR(y_sum / weight, 79, 0.1);
  EXPECT_NEAR(r_sum / weight, 50.5, 0.1);
}

TEST(Annotate, LeavesTheSourceFrameAsItIsAndKeepsItsPixelOps) {
  class OwnOps final : public PixelOps {
   public:
    [[nodiscard]] bool convert(const Picture& from, const MutablePicture& to) const override {
      return basic_pixel_ops().convert(from, to);
    }
  };
  static const OwnOps ops;
  FrameBuilder builder({.width = 64, .height = 64, .format = PixelFormat::Bgr});
  for (int y = 0; y < 64; ++y) std::memset(builder.plane(0) + y * builder.stride(0), 77, 192);
  const Frame frame = std::move(builder).publish(ops);
  const Frame drawn = Drawing()(frame, one({32, 32, 20, 1}, 1));
  EXPECT_EQ(&drawn.ops(), &ops);
  EXPECT_EQ(drawn.format(), PixelFormat::Bgr);
  EXPECT_GT(differences(frame, drawn), 0);
  for (int y = 0; y < 64; ++y) {
    for (int i = 0; i < 192; ++i) ASSERT_EQ(frame.planes()[0].row(y)[i], 77);
  }
}

TEST(Annotate, WithoutCirclesGivesAnEqualCopy) {
  const Frame frame = picture(97, 33);
  const Frame drawn = Drawing()(frame, {});
  EXPECT_EQ(differences(frame, drawn), 0);
  EXPECT_NE(frame, drawn);
}

TEST(Annotate, DrawsWhatIsPartlyOutside) {
  const Frame frame = picture(128, 96);
  for (const Circle& circle : {Circle{-10, 40, 30, 1}, Circle{140, 50, 30, 1}, Circle{60, -15, 30, 1},
                               Circle{60, 100, 30, 1}, Circle{64, 48, 78, 1}, Circle{64, 1048, 1000, 1}}) {
    EXPECT_GT(differences(frame, Drawing()(frame, one(circle)), near_rim(circle, 3.5)), 5) << circle.x;
    EXPECT_GT(differences(frame, Drawing()(frame, one(circle, 5))), 5) << circle.x;
  }
}

TEST(Annotate, SkipsInvalidCirclesAndThoseOutsideTheImage) {
  const Frame frame = picture(64, 48);
  for (const Circle& circle :
       {Circle{30, 20, 0, 1}, Circle{30, 20, -5, 1}, Circle{kNan, 20, 5, 1}, Circle{30, kNan, 5, 1},
        Circle{30, 20, kNan, 1}, Circle{kInfinity, 20, 5, 1}, Circle{30, -kInfinity, 5, 1},
        Circle{30, 20, kInfinity, 1}, Circle{30, 20, 1e30F, 1}, Circle{1e30F, 20, 1e30F, 1},
        Circle{500, 20, 5, 1}, Circle{30, -500, 5, 1}}) {
    EXPECT_EQ(differences(frame, Drawing()(frame, one(circle))), 0) << circle.x << " " << circle.r;
    EXPECT_EQ(differences(frame, Drawing()(frame, one(circle, 1))), 0) << circle.x << " " << circle.r;
  }
}

TEST(Annotate, IsSafeWithPicturesOfAnySize) {
  AnnotateOptions options;
  options.labels = "#{tracker_id} {confidence:.2f}";
  options.line_width = 100;
  for (const auto& [width, height] : {std::pair{1, 1}, {2, 1}, {1, 300}, {300, 1}, {33, 31}}) {
    const Frame frame = picture(width, height);
    Drawing drawing(options);
    for (int i = 0; i < 3; ++i) {
      const Circles circles{{{0, 0, 1, 1}, {0.5F, 0.2F, 0.1F, kNan}, {5, 5, 900000, 1}}, {1, -2, INT64_MAX}};
      EXPECT_TRUE(drawing(frame, circles, {.pts = 0.1 * i}));
    }
    EXPECT_TRUE(drawing(picture(width + 1, height + 40), one({1, 1, 5, 1}, 1), {.pts = 1}));
  }
}

TEST(Annotate, ReportsInvalidSamples) {
  Drawing drawing;
  EXPECT_TRUE(test::contains(test::message_of<Error>([&] { drawing({}, {}); }), "needs the frame"));
  const Circles uneven{{{5, 5, 3, 1}, {6, 6, 3, 1}}, {1}};
  EXPECT_TRUE(test::contains(test::message_of<Error>([&] { drawing(picture(16, 16), uneven); }),
                             "got 1 ids for 2 circles"));
}

TEST(Annotate, RefusesImpossibleOptions) {
  for (const double trail : {-1.0, 61.0, static_cast<double>(kNan)}) {
    AnnotateOptions options;
    options.trail = trail;
    EXPECT_THROW(const Annotate annotate(options), OptionError) << trail;
  }
  for (const float width : {-1.0F, 101.0F, kNan, kInfinity}) {
    AnnotateOptions options;
    options.line_width = width;
    EXPECT_THROW(const Annotate annotate(options), OptionError) << width;
  }
}

TEST(Annotate, SeveralThreadsDrawTheSameAsOne) {
  const Frame frame = picture(320, 240);
  AnnotateOptions options;
  options.labels = "#{tracker_id} {confidence:.2f}";
  const auto circles = [](int i) { return one({static_cast<float>(60 + i), 120, 30, 0.5F}, i); };
  std::vector<Frame> expected;
  expected.reserve(20);
  for (int i = 0; i < 20; ++i) expected.push_back(Drawing(options)(frame, circles(i)));
  std::vector<std::vector<Frame>> drawn(4);
  {
    std::vector<std::jthread> threads;
    threads.reserve(drawn.size());
    for (auto& own : drawn) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) own.push_back(Drawing(options)(frame, circles(i)));
      });
    }
  }
  for (const auto& own : drawn) {
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(differences(expected[i], own[i]), 0);
  }
}

TEST(Annotate, NeedsNoJoinBecauseASampleRemembersItsFrame) {
  test::Seen<Sample<Frame>> seen;
  const Frame frame = picture(64, 64);
  test::CheckedPipeline pipeline;
  const auto source = pipeline.add(test::make_source<Frame>(
      {.read = [&frame, n = 0](const Context& context) mutable -> std::optional<SourceItem<Frame>> {
        if (n == 3) return std::nullopt;
        return SourceItem<Frame>{.value = frame, .pts = 0.1 * n++, .captured = context.clock.now()};
      }}));
  const auto circles = pipeline.add(test::make_node<Frame, Circles>([](const Sample<Frame>&, const Context&) {
                                      return one({32, 32, 20, 1}, 1);
                                    }),
                                    source);
  const auto drawn = pipeline.add(std::make_unique<Annotate>(), circles);
  pipeline.add(test::collect_into<Frame>(seen), drawn);
  EXPECT_TRUE(pipeline.run().complete);
  ASSERT_EQ(seen.all().size(), 3U);
  EXPECT_GT(differences(frame, seen.all()[2].value), 100);
}

}  // namespace
}  // namespace freshframe

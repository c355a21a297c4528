// Annotate: what it changes, what it leaves alone, and what it refuses.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpp/core/test_nodes.hpp"
#include "cpp/simd_targets.hpp"
#include "cpp/support.hpp"
#include <gtest/gtest.h>

namespace freshframe {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Every pixel differs from its neighbours, so that one in the wrong place shows.
Frame picture(int width, int height) {
  FrameBuilder builder({.width = width, .height = height, .format = PixelFormat::Bgr});
  for (int y = 0; y < height; ++y) {
    for (int i = 0; i < 3 * width; ++i) {
      builder.plane(0)[y * builder.stride(0) + i] = static_cast<std::uint8_t>(90 + (7 * i + 13 * y) % 31);
    }
  }
  return std::move(builder).publish();
}

struct Moment {
  double pts = 0;
  int source = 0;
};

Sample<Circles> sample(const Frame& frame, const Circles& circles, const Moment& moment = {}) {
  AnySample any;
  any.stamp = {.seq = 0, .pts = moment.pts, .captured = {}, .source = moment.source};
  any.frame = frame;
  any.value = ValueRef::make(circles);
  return Sample<Circles>(any);
}

/// A node and what the engine would give it.
class Drawing {
 public:
  explicit Drawing(const AnnotateOptions& options = {}) : annotate_(options) {}

  Frame operator()(const Frame& frame, const Circles& circles, const Moment& moment = {}) {
    const Context context{stop_.get_token(), clock_, counters_};
    auto drawn = annotate_.process(sample(frame, circles, moment), context);
    return drawn ? *drawn : Frame{};
  }

 private:
  SimulatedClock clock_;
  std::stop_source stop_;
  NodeCounters counters_;
  Annotate annotate_;
};

const std::uint8_t* pixel(const Frame& frame, int x, int y) {
  return frame.planes()[0].row(y) + std::ptrdiff_t{3} * x;
}

bool same(const Frame& a, const Frame& b, int x, int y) {
  return std::memcmp(pixel(a, x, y), pixel(b, x, y), 3) == 0;
}

using Where = std::function<bool(int, int)>;

/// Number of pixels that differ; those where `allowed` is false are failures.
int differences(const Frame& a, const Frame& b, const Where& allowed) {
  EXPECT_EQ(a.width(), b.width());
  EXPECT_EQ(a.height(), b.height());
  int count = 0;
  int stray = 0;
  for (int y = 0; y < a.height(); ++y) {
    for (int x = 0; x < a.width(); ++x) {
      if (same(a, b, x, y)) continue;
      ++count;
      if (!allowed(x, y)) ++stray;
    }
  }
  EXPECT_EQ(stray, 0) << "pixels changed where nothing is to be drawn";
  return count;
}

int differences(const Frame& a, const Frame& b) {
  return differences(a, b, [](int, int) { return true; });
}

Where near_rim(const Circle& circle, double margin) {
  return [=](int x, int y) {
    const double away = std::hypot(x - double{circle.x}, y - double{circle.y});
    return std::abs(away - double{circle.r}) <= margin;
  };
}

Circles one(const Circle& circle) {
  return {{circle}, {}};
}
Circles one(const Circle& circle, std::int64_t id) {
  return {{circle}, {id}};
}

TEST(Annotate, ChangesTheRimOfACircleAndNothingElse) {
  // Neither a whole number of tiles nor of four pixels.
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
    [[nodiscard]] bool convert(const Picture& from, const Picture& to) const override {
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

constexpr std::array kFormats = {PixelFormat::Nv12, PixelFormat::I420, PixelFormat::I422,
                                 PixelFormat::I444, PixelFormat::Bgr,  PixelFormat::Rgb};

/// One level everywhere in each component.
Frame flat(PictureFormat format, const std::array<std::uint8_t, 3>& levels) {
  FrameBuilder builder(format);
  for (int i = 0; i < format.plane_count(); ++i) {
    const auto shape = format.plane_shape(i);
    const int components = format.plane_count() == 1 ? 3 : format.plane_count() == 2 && i == 1 ? 2 : 1;
    for (int y = 0; y < shape.rows; ++y) {
      for (int x = 0; x < shape.row_bytes; ++x) {
        const auto component = static_cast<std::size_t>(i + x % components);
        builder.plane(i)[y * builder.stride(i) + x] = levels[component];
      }
    }
  }
  return std::move(builder).publish();
}

TEST(Annotate, KeepsTheFormatOfThePicture) {
  for (const auto format : kFormats) {
    for (const auto range : {ColorRange::Limited, ColorRange::Full}) {
      const PictureFormat wanted{63, 47, format, range, ColorSpace::Bt2020};
      const Frame drawn = Drawing()(flat(wanted, {90, 100, 110}), one({32, 30, 10, 1}, 1));
      EXPECT_EQ(drawn.picture_format(), wanted) << to_string(format);
    }
  }
}

TEST(Annotate, GrayBecomesI420SoThatThereIsColour) {
  const PictureFormat gray{64, 48, PixelFormat::Gray, ColorRange::Full, ColorSpace::Unspecified};
  FrameBuilder builder(gray);
  for (int y = 0; y < 48; ++y) std::memset(builder.plane(0) + y * builder.stride(0), 3 * y, 64);
  const Frame frame = std::move(builder).publish();
  const Frame copy = Drawing()(frame, {});
  EXPECT_EQ(copy.format(), PixelFormat::I420);
  EXPECT_EQ(copy.picture_format().range, ColorRange::Full);
  for (int y = 0; y < 48; ++y) {
    for (int x = 0; x < 64; ++x) {
      ASSERT_EQ(copy.planes()[0].row(y)[x], 3 * y);
      ASSERT_EQ(copy.planes()[1].row(y / 2)[x / 2], 128);
      ASSERT_EQ(copy.planes()[2].row(y / 2)[x / 2], 128);
    }
  }
  const Frame drawn = Drawing()(frame, one({32, 24, 12, 0}));
  EXPECT_GT(drawn.planes()[2].row(12)[22], 140) << "the left of the rim is red";
}

/// The colours that a fully covered pixel gets, by the standard's formula.
std::array<double, 3> as_stored(const PictureFormat& format, const std::array<double, 3>& rgb) {
  if (format.format == PixelFormat::Rgb) return rgb;
  if (format.format == PixelFormat::Bgr) return {rgb[2], rgb[1], rgb[0]};
  const double kr = format.space == ColorSpace::Bt709 ? 0.2126 : 0.299;
  const double kb = format.space == ColorSpace::Bt709 ? 0.0722 : 0.114;
  const double y = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2];
  const double cb = (rgb[2] - y) / (2 * (1 - kb));
  const double cr = (rgb[0] - y) / (2 * (1 - kr));
  if (format.range == ColorRange::Full) return {y, 128 + cb, 128 + cr};
  return {16 + y * 219 / 255, 128 + cb * 224 / 255, 128 + cr * 224 / 255};
}

int component(const Frame& frame, int index, int x, int y) {
  const auto format = frame.format();
  if (format == PixelFormat::Bgr || format == PixelFormat::Rgb) return pixel(frame, x, y)[index];
  if (index == 0) return frame.planes()[0].row(y)[x];
  const bool half_width = format != PixelFormat::I444;
  const bool half_height = format == PixelFormat::I420 || format == PixelFormat::Nv12;
  const int cx = half_width ? x / 2 : x;
  const int cy = half_height ? y / 2 : y;
  if (format == PixelFormat::Nv12) return frame.planes()[1].row(cy)[2 * cx + index - 1];
  return frame.planes()[static_cast<std::size_t>(index)].row(cy)[cx];
}

TEST(Annotate, DrawsTheSameColourInEveryFormat) {
  AnnotateOptions options;
  options.line_width = 12;
  const Circle circle{.x = 60, .y = 60, .r = 40, .confidence = 0.6F};
  const PictureFormat packed{120, 120, PixelFormat::Rgb, ColorRange::Full, ColorSpace::Bt601};
  const Frame reference = Drawing(options)(flat(packed, {50, 50, 50}), one(circle));
  const std::array<double, 3> color{double(pixel(reference, 100, 60)[0]),
                                    double(pixel(reference, 100, 60)[1]),
                                    double(pixel(reference, 100, 60)[2])};
  EXPECT_GT(color[1], 150);
  for (const auto format : kFormats) {
    for (const auto space : {ColorSpace::Bt601, ColorSpace::Bt709}) {
      for (const auto range : {ColorRange::Limited, ColorRange::Full}) {
        const PictureFormat wanted{120, 120, format, range, space};
        const std::array<std::uint8_t, 3> ground = {50, 128, 128};
        const Frame frame = flat(wanted, ground);
        const Frame drawn = Drawing(options)(frame, one(circle));
        const auto expected = as_stored(wanted, color);
        for (int c = 0; c < 3; ++c) {
          EXPECT_NEAR(component(drawn, c, 100, 60), expected[static_cast<std::size_t>(c)], 1.1)
              << to_string(format) << " " << c;
          EXPECT_EQ(component(drawn, c, 60, 60), ground[static_cast<std::size_t>(c)]) << "inside the ring";
          EXPECT_EQ(component(drawn, c, 2, 2), ground[static_cast<std::size_t>(c)]) << "outside of it";
        }
      }
    }
  }
}

/// All bytes of the planes, without what lies between rows.
std::vector<std::uint8_t> bytes(const Frame& frame) {
  std::vector<std::uint8_t> out;
  for (const auto& plane : frame.planes()) {
    for (int y = 0; y < plane.rows; ++y) out.insert(out.end(), plane.row(y), plane.row(y) + plane.row_bytes);
  }
  return out;
}

TEST(Annotate, DrawsTheSameBytesOnEveryInstructionSet) {
  AnnotateOptions options;
  options.confidences = true;
  const auto draw = [&](const PictureFormat& format) {
    Drawing drawing(options);
    Frame drawn;
    for (int i = 0; i < 12; ++i) {
      const auto x = static_cast<float>(20 + 13 * i);
      const Circles circles{{{x, 50.3F, 23.7F, 0.8F}, {100, x, 400, 0.3F}, {-3, x / 2, 9.5F, 0.5F}},
                            {3, 4, 5}};
      drawn = drawing(flat(format, {80, 110, 140}), circles, {.pts = 0.05 * i});
    }
    return bytes(drawn);
  };
  for (const auto format : kFormats) {
    for (const int width : {201, 160}) {
      const PictureFormat wanted{width, 143, format, ColorRange::Limited, ColorSpace::Bt709};
      const auto expected = draw(wanted);
      for (const auto target : test::simd_targets()) {
        const test::OnlyTarget only(target);
        EXPECT_EQ(draw(wanted), expected) << hwy::TargetName(target) << " " << to_string(format);
      }
    }
  }
}

TEST(Annotate, AnotherTextOfTheSameSizeAndTheSameTextAgainAreDrawnRight) {
  const Frame frame = picture(320, 240);
  Drawing drawing;
  const auto circles = [](std::int64_t id) { return one({160, 140, 40, 1}, id); };
  const Frame first = drawing(frame, circles(7));
  drawing(frame, circles(8));
  const Frame larger = picture(640, 480);
  drawing(larger, circles(7));
  AnnotateOptions still;
  still.trail = 0;
  EXPECT_EQ(differences(Drawing(still)(frame, circles(7)), Drawing(still)(frame, circles(7))), 0);
  EXPECT_EQ(differences(first, Drawing()(frame, circles(7))), 0);
}

TEST(Annotate, WithoutCirclesGivesAnEqualCopy) {
  const Frame frame = picture(97, 33);
  const Frame drawn = Drawing()(frame, {});
  EXPECT_EQ(differences(frame, drawn), 0);
  EXPECT_NE(frame, drawn);
}

TEST(Annotate, WritesTheIdAboveTheCircle) {
  const Frame frame = picture(320, 240);
  const Circle circle{.x = 160, .y = 140, .r = 40, .confidence = 1};
  AnnotateOptions silent;
  silent.ids = false;
  const Frame ring = Drawing(silent)(frame, one(circle, 7));
  const Frame named = Drawing()(frame, one(circle, 7));
  const Frame other = Drawing()(frame, one(circle, 8));
  const Where above = [](int x, int y) { return y < 100 && y > 75 && std::abs(x - 160) < 30; };
  EXPECT_GT(differences(ring, named, above), 150);
  EXPECT_GT(differences(named, other), 300) << "another id has another colour and text";
  int dark = 0;
  for (int y = 75; y < 100; ++y) {
    for (int x = 130; x < 190; ++x)
      dark += *std::max_element(pixel(named, x, y), pixel(named, x, y) + 3) < 60 ? 1 : 0;
  }
  EXPECT_GT(dark, 15) << "dark letters on a bright tag";
}

TEST(Annotate, WritesScoresWhenAskedWithAndWithoutIds) {
  const Frame frame = picture(320, 240);
  const Circle circle{.x = 160, .y = 140, .r = 40, .confidence = 0.5F};
  AnnotateOptions options;
  options.confidences = true;
  const Where above = [](int x, int y) { return y < 100 && y > 75 && std::abs(x - 160) < 60; };
  EXPECT_GT(differences(Drawing()(frame, one(circle)), Drawing(options)(frame, one(circle)), above), 150);
  EXPECT_GT(differences(Drawing()(frame, one(circle, 3)), Drawing(options)(frame, one(circle, 3)), above),
            50);
}

TEST(Annotate, PutsTheLabelBelowWhereThereIsNoRoomAbove) {
  const Frame frame = picture(320, 240);
  AnnotateOptions silent;
  silent.ids = false;
  const Circle circle{.x = 2, .y = 45, .r = 40, .confidence = 1};
  const Frame ring = Drawing(silent)(frame, one(circle, 7));
  const Frame named = Drawing()(frame, one(circle, 7));
  EXPECT_GT(differences(ring, named, [](int x, int y) { return y > 85 && y < 110 && x < 40; }), 150);
}

TEST(Annotate, ColoursADetectionByItsScore) {
  const Frame frame = picture(100, 100);
  const Frame poor = Drawing()(frame, one({50, 50, 30, 0}));
  const Frame good = Drawing()(frame, one({50, 50, 30, 1}));
  EXPECT_GT(pixel(poor, 80, 50)[2], pixel(poor, 80, 50)[1]) << "red";
  EXPECT_GT(pixel(good, 80, 50)[1], pixel(good, 80, 50)[2]) << "green";
}

TEST(Annotate, DrawsWhatIsPartlyOutside) {
  const Frame frame = picture(128, 96);
  for (const Circle& circle : {Circle{-10, 40, 30, 1}, Circle{140, 50, 30, 1}, Circle{60, -15, 30, 1},
                               Circle{60, 100, 30, 1}, Circle{64, 48, 78, 1}, Circle{64, 1048, 1000, 1}}) {
    EXPECT_GT(differences(frame, Drawing()(frame, one(circle)), near_rim(circle, 3.5)), 5) << circle.x;
    EXPECT_GT(differences(frame, Drawing()(frame, one(circle, 5))), 5) << circle.x;
  }
}

TEST(Annotate, LeavesOutWhatIsNoCircleOrNotInThePicture) {
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
  options.confidences = true;
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

TEST(Annotate, DrawsATrailBehindATrackedCircle) {
  const Frame frame = picture(256, 128);
  AnnotateOptions options;
  options.ids = false;
  options.line_width = 2;
  Drawing with(options);
  options.trail = 0;
  Drawing without(options);
  Frame trail;
  Frame none;
  for (int i = 0; i <= 10; ++i) {
    const Circles circles = one({static_cast<float>(40 + 15 * i), 64, 12, 1}, 4);
    trail = with(frame, circles, {.pts = 0.05 * i});
    none = without(frame, circles, {.pts = 0.05 * i});
  }
  EXPECT_GT(
      differences(none, trail, [](int x, int y) { return x >= 39 && x <= 191 && std::abs(y - 64) <= 3; }),
      200);
  const auto change = [&](int x) { return std::abs(pixel(trail, x, 64)[1] - pixel(frame, x, 64)[1]); };
  EXPECT_GT(change(160), change(50)) << "an old part of the trail is fainter";
}

TEST(Annotate, TrailsEndAfterTheirTimeAndStayWithTheirSourceAndId) {
  const Frame frame = picture(128, 64);
  AnnotateOptions options;
  options.ids = false;
  options.trail = 0.5;
  const Circles left = one({20, 32, 8, 1}, 1);
  const Circles right = one({100, 32, 8, 1}, 1);
  const Frame fresh = Drawing(options)(frame, right);
  const auto middle_changes = [&](const Moment& moment, const Circles& second) {
    Drawing drawing(options);
    drawing(frame, left);
    const Frame drawn = drawing(frame, second, moment);
    return differences(fresh, drawn);
  };
  EXPECT_GT(middle_changes({.pts = 0.4}, right), 50);
  EXPECT_EQ(middle_changes({.pts = 0.6}, right), 0) << "too old";
  EXPECT_EQ(middle_changes({.pts = 0.4, .source = 1}, right), 0) << "another source";
  EXPECT_EQ(middle_changes({.pts = -0.1}, right), 0) << "a step back starts afresh";
  const Circles other = one({100, 32, 8, 1}, 2);
  Drawing drawing(options);
  drawing(frame, left);
  EXPECT_EQ(differences(Drawing(options)(frame, other), drawing(frame, other, {.pts = 0.4})), 0)
      << "another id";
}

TEST(Annotate, SaysWhatIsWrongWithASample) {
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

TEST(Annotate, SeveralAtOnceDrawWhatOneDraws) {
  const Frame frame = picture(320, 240);
  AnnotateOptions options;
  options.confidences = true;
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
